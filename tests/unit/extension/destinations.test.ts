/** Where sessions go, and how that is said. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULTS, type Settings } from "../../../src/config/options.ts";
import { DestinationProbe } from "../../../src/extension/destination-probe.ts";
import { destinationsOf, knownHosts, noteHost } from "../../../src/extension/destinations.ts";
import { footerText } from "../../../src/extension/footer-text.ts";
import { type Notice, Notices } from "../../../src/extension/notices.ts";
import { statusLines } from "../../../src/extension/status-command.ts";
import type { SyncState } from "../../../src/sync/contract.ts";
import type { RecordState } from "../../../src/sync/record-contract.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { HOSTED_KEY, type HostedOpenSync, startHostedOpenSync } from "../../support/hosted-opensync.ts";

const KEY = "osk_abcdefghijklmnop";
const SITE = "https://polished-penguin.convex.site";
const settings = (part: Partial<Settings>): Settings => ({ ...DEFAULTS, ...part });

let folder: string;
const before = process.env.XDG_DATA_HOME;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "opensync-hosts-"));
	process.env.XDG_DATA_HOME = folder;
});
afterEach(() => {
	process.env.XDG_DATA_HOME = before;
	rmSync(folder, { recursive: true, force: true });
});

describe("sessions go", () => {
	test("nowhere without a key", () => {
		expect(destinationsOf(settings({}), {})).toEqual({ live: false, records: [] });
		expect(destinationsOf(settings({ openSyncUrl: SITE }), {})).toEqual({ live: false, records: [] });
	});

	test("to the backend, live", () => {
		expect(destinationsOf(settings({ apiKey: KEY }), {})).toEqual({ live: true, records: [] });
	});

	test("to both where a second one is set; a .convex.cloud address has its site at .convex.site", () => {
		const both = settings({
			apiKey: KEY,
			openSyncUrl: "https://polished-penguin.convex.cloud",
			openSyncKey: "osk_second0000",
		});
		expect(destinationsOf(both, {})).toEqual({
			live: true,
			records: [{ siteUrl: SITE, apiKey: "osk_second0000" }],
		});
	});

	test("to a record alone where the backend is known to be an OpenSync, once however often it is named", () => {
		const url = "https://polished-penguin.convex.cloud";
		const plugin = settings({ apiKey: KEY, convexUrl: url });
		expect(destinationsOf(plugin, { [url]: SITE })).toEqual({
			live: false,
			records: [{ siteUrl: SITE, apiKey: KEY }],
		});
		const twice = { ...plugin, openSyncUrl: SITE, openSyncKey: KEY };
		expect(destinationsOf(twice, { [url]: SITE }).records).toHaveLength(1);
	});
});

describe("what was found out about an address", () => {
	test("is kept, and forgotten, in a file of its owner alone", () => {
		expect(knownHosts()).toEqual({});
		noteHost("https://a", "https://a/site");
		noteHost("https://b", "https://b/site");
		noteHost("https://a", null);
		expect(knownHosts()).toEqual({ "https://b": "https://b/site" });
		const file = join(folder, "pi-opensync", "records", "hosts.json");
		expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(knownHosts());
		writeFileSync(file, "{ half");
		expect(knownHosts()).toEqual({});
	});

	test("holds for the session where it cannot be written down, and is written with the next that can", () => {
		writeFileSync(join(folder, "pi-opensync"), "a file where the data folder should be");
		noteHost("https://a", "https://a/site");
		expect(knownHosts()).toEqual({ "https://a": "https://a/site" });
		rmSync(join(folder, "pi-opensync"));
		noteHost("https://b", "https://b/site");
		const file = join(folder, "pi-opensync", "records", "hosts.json");
		expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
			"https://a": "https://a/site",
			"https://b": "https://b/site",
		});
	});

	test("is asked again, less and less often, until something is known", async () => {
		const hosted: HostedOpenSync = await startHostedOpenSync();
		try {
			const clock = new FakeClock();
			let changes = 0;
			const probe = new DestinationProbe(
				settings({ convexUrl: hosted.convexUrl, apiKey: HOSTED_KEY }),
				clock,
				() => {
					changes += 1;
				},
			);
			await hosted.down();
			await probe.look();
			await probe.look();
			expect(clock.next()).toBe(2_000);
			await hosted.up();
			await clock.advance(1_999);
			await probe.look();
			expect(hosted.requests).toHaveLength(0);
			await clock.advance(1);
			await probe.look();
			while (changes === 0) await new Promise((resolve) => setTimeout(resolve, 1));
			expect(knownHosts()).toEqual({ [hosted.convexUrl]: hosted.siteUrl });
			const asked = hosted.requests.length;
			await probe.look();
			expect(hosted.requests).toHaveLength(asked);
		} finally {
			await hosted.stop();
		}
	});

	test("is asked again though the machine's time was set back meanwhile", async () => {
		const hosted: HostedOpenSync = await startHostedOpenSync();
		try {
			const clock = new FakeClock();
			let setBack = 0;
			let changes = 0;
			const probe = new DestinationProbe(
				settings({ convexUrl: hosted.convexUrl, apiKey: HOSTED_KEY }),
				{ now: () => clock.now() - setBack, after: (ms, run) => clock.after(ms, run) },
				() => {
					changes += 1;
				},
			);
			await hosted.down();
			await probe.look();
			await hosted.up();
			setBack = 3_600_000;
			await clock.advance(2_000);
			await probe.look();
			expect(changes).toBe(1);
		} finally {
			await hosted.stop();
		}
	});
});

const SYNC: SyncState = {
	link: "live",
	queued: 0,
	sentCount: 3,
	parked: [],
	hidden: {},
	reason: null,
	present: [],
};
const RECORD: RecordState = { ...SYNC, host: "a.convex.site", link: "recording" };
const parked = [{ entryId: "e1", message: "too large" }];
const syncing = (part: Partial<RecordState>) =>
	({ kind: "syncing", state: SYNC, records: [{ ...RECORD, ...part }] }) as const;
const recording = (state: Partial<SyncState>) =>
	({ kind: "recording", state: { ...SYNC, ...state }, records: [RECORD] }) as const;

test("the footer says that it is recorded, and what is wrong there", () => {
	expect(footerText(syncing({}))).toBe("opensync: synced · recorded");
	expect(footerText(syncing({ queued: 2 }))).toBe("opensync: synced · recorded");
	expect(footerText(syncing({ link: "offline", queued: 2 }))).toBe(
		"opensync: synced · a.convex.site offline, 2 queued",
	);
	expect(footerText(syncing({ link: "signedOut" }))).toBe("opensync: synced · a.convex.site signed out");
	expect(footerText(syncing({ parked }))).toBe("opensync: synced · recorded, 1 refused");
	expect(footerText(recording({}))).toBe("opensync: recorded at a.convex.site");
	expect(footerText(recording({ queued: 3 }))).toBe("opensync: recorded at a.convex.site, 3 queued");
	expect(footerText(recording({ link: "offline", queued: 3 }))).toBe("opensync: offline, 3 queued");
	expect(footerText(recording({ link: "signedOut" }))).toBe("opensync: signed out");
});

test("a refused key and a refused message of the record are told once each", () => {
	const told: Notice[] = [];
	const notices = new Notices(
		new FakeClock(),
		() => "url",
		(notice) => told.push(notice),
	);
	for (let time = 0; time < 3; time += 1) {
		notices.observe(syncing({ link: "signedOut", reason: "a.convex.site does not take this API key." }));
		notices.observe(syncing({ link: "offline" }));
	}
	notices.observe(syncing({ parked }));
	notices.observe(syncing({ parked }));
	const texts = told.map(({ text }) => text);
	expect(texts.filter((text) => text.includes("openSyncKey"))).toHaveLength(1);
	expect(
		texts.filter((text) => text.includes("a.convex.site does not take an entry: too large")),
	).toHaveLength(1);
});

test("the status names the record, what was refused there and that nothing live goes to it", () => {
	const facts = {
		settings: settings({ apiKey: KEY }),
		sessionId: "s",
		inFile: true,
		isReplica: false,
		lastFailure: null,
	};
	const both = statusLines({ ...facts, condition: syncing({ parked }) }).join("\n");
	expect(both).toContain("http://127.0.0.1:3210");
	expect(both).toMatch(/record\s+a\.convex\.site: recording/);
	expect(both).toMatch(/refused\s+e1: too large/);
	const only = statusLines({ ...facts, condition: recording({}) }).join("\n");
	expect(only).not.toContain("http://127.0.0.1:3210");
	expect(only).toContain("OpenSync keeps a record and nothing live");
	expect(only).not.toContain(KEY);
});
