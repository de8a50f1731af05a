/** What the footer says of the others at the session. */
import { expect, test } from "bun:test";
import { footerText } from "../../../src/extension/footer-text.ts";
import type { SharedState } from "../../../src/extension/shared-session.ts";
import type { SyncState } from "../../../src/sync/contract.ts";

const STATE: SyncState = {
	...{ link: "live", queued: 0, sentCount: 0, parked: [], hidden: {}, reason: null },
	present: [{ clientId: "b", kind: "terminal", watching: true, label: "laptop", since: 0 }],
};
const holder = { terminalId: "b", label: "laptop", acquiredAt: 1 };
const SHARED: SharedState = {
	lock: { kind: "none", epoch: 0, holder: null },
	...{ isRemote: false, following: true, readOnly: false, dropped: 0 },
} as SharedState;
const text = (shared: Partial<SharedState> | null, state: Partial<SyncState> = {}) =>
	footerText({
		kind: "syncing",
		state: { ...STATE, ...state },
		shared: shared && { ...SHARED, ...shared },
	});

test("who is here, who works, and that one only looks on", () => {
	const lock = { kind: "theirs" as const, epoch: 1, holder };
	expect([
		text(null),
		text({}),
		text({ lock, isRemote: true }),
		text({ lock, isRemote: true, readOnly: true }),
		text({ readOnly: true }),
		text({ readOnly: true }, { present: [] }),
	]).toEqual([
		"opensync: synced · with laptop",
		"opensync: synced · with laptop",
		"opensync: synced · laptop is working",
		"opensync: synced · laptop is working · looking on",
		"opensync: synced · looking on · with laptop",
		"opensync: synced · looking on",
	]);
});

test("one's own run is not somebody else's", () => {
	const lock = { kind: "mine" as const, epoch: 1, holder: { ...holder, terminalId: "a", label: "desktop" } };
	expect(text({ lock })).toBe("opensync: synced · with laptop");
});

test("a link that is cut is said before who is here", () => {
	expect(text({}, { link: "offline", queued: 2 })).toBe("opensync: offline, 2 queued · with laptop");
});

test("somebody without a name is told by what they are", () => {
	const [one] = STATE.present;
	expect(text({}, { present: [{ ...(one as NonNullable<typeof one>), label: "" }] })).toBe(
		"opensync: synced · with terminal",
	);
});
