import { describe, expect, test } from "bun:test";
import { type Condition, footerText } from "../../../src/extension/footer-text.ts";
import { type Notice, Notices } from "../../../src/extension/notices.ts";
import type { SyncState } from "../../../src/sync/contract.ts";
import { HandClock } from "./hand-clock.ts";

function syncing(part: Partial<SyncState>): Condition {
	const state: SyncState = {
		link: "live",
		queued: 0,
		sentCount: 0,
		parked: [],
		hidden: {},
		reason: null,
		present: [],
		...part,
	};
	return { kind: "syncing", state };
}

const present = (label: string) => ({
	clientId: label,
	kind: "dashboard" as const,
	watching: true,
	label,
	since: 0,
});

describe("the footer", () => {
	test("says in a few characters how it stands", () => {
		const texts = [
			footerText({ kind: "off" }),
			footerText({ kind: "unset" }),
			footerText(syncing({})),
			footerText(syncing({ queued: 3 })),
			footerText(syncing({ link: "offline" })),
			footerText(syncing({ link: "offline", queued: 2 })),
			footerText(syncing({ link: "signedOut" })),
			footerText(syncing({ parked: [{ entryId: "a", message: "too large" }] })),
			footerText(syncing({ present: [present("dashboard")] })),
			footerText(syncing({ present: [present("a"), present("b")] })),
		];
		expect(texts).toEqual([
			undefined,
			"opensync: not set up",
			"opensync: synced",
			"opensync: 3 queued",
			"opensync: offline",
			"opensync: offline, 2 queued",
			"opensync: signed out",
			"opensync: synced, 1 refused",
			"opensync: synced · with dashboard",
			"opensync: synced · with 2 others",
		]);
	});
});

describe("a notification", () => {
	function watched() {
		const shown: Notice[] = [];
		const clock = new HandClock();
		const notices = new Notices(
			clock,
			() => "http://127.0.0.1:3210",
			(notice) => shown.push(notice),
		);
		return { shown, clock, notices };
	}

	test("comes once for a backend that is gone, however often it is tried", () => {
		const { shown, clock, notices } = watched();
		for (let round = 0; round < 20; round += 1) {
			notices.observe(syncing({ link: "offline", queued: round }));
			clock.advance(1_000);
			notices.observe(syncing({ link: "connecting", queued: round }));
			clock.advance(1_000);
		}
		expect(shown.map((notice) => notice.level)).toEqual(["warning"]);
	});

	test("does not come for a hiccup", () => {
		const { shown, clock, notices } = watched();
		notices.observe(syncing({}));
		notices.observe(syncing({ link: "offline" }));
		clock.advance(500);
		notices.observe(syncing({}));
		clock.advance(10_000);
		expect(shown).toEqual([]);
	});

	test("comes again when the backend is back", () => {
		const { shown, clock, notices } = watched();
		notices.observe(syncing({ link: "offline" }));
		clock.advance(3_000);
		notices.observe(syncing({}));
		notices.observe(syncing({ queued: 1 }));
		notices.observe(syncing({}));
		expect(shown.map((notice) => notice.level)).toEqual(["warning", "info"]);
	});

	test("comes at once for a refused key, with the reason", () => {
		const { shown, notices } = watched();
		notices.observe(syncing({ link: "signedOut", reason: "The key was revoked." }));
		notices.observe(syncing({ link: "connecting" }));
		notices.observe(syncing({ link: "signedOut", reason: "The key was revoked." }));
		expect(shown).toHaveLength(1);
		expect(shown[0]?.text).toContain("The key was revoked.");
	});

	test("says once how to start when there is no key", () => {
		const { shown, notices } = watched();
		notices.observe({ kind: "unset" });
		notices.observe({ kind: "unset" });
		expect(shown).toHaveLength(1);
		expect(shown[0]?.text).toContain("/opensync:config");
	});

	test("says once that an entry was refused, not once an entry", () => {
		const { shown, notices } = watched();
		notices.observe(syncing({ parked: [{ entryId: "a", message: "It is too large." }] }));
		notices.observe(
			syncing({
				parked: [
					{ entryId: "a", message: "It is too large." },
					{ entryId: "b", message: "It is too large." },
				],
			}),
		);
		expect(shown).toHaveLength(1);
	});
});
