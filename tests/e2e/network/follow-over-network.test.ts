/**
 * One session on two machines while links are really cut: network namespaces, real Pis, a backend on neither.
 * A begins the session, B is attached to it.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { TwoMachines } from "../../support/network-machines.ts";
import { type PiTerminal, readSession } from "../../support/pi-terminal.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOW = 240_000;
/** What a cut link may take to be noticed, and a restored one to be used again. */
const LINK_MS = 90_000;
/** As on one machine: everything crosses as it is and at once. */
const OPEN = {
	PI_OPENSYNC_REDACTION: "off",
	PI_OPENSYNC_LIVE_STREAMING: "always",
	PI_OPENSYNC_STREAM_INTERVAL_MS: "0",
};

let net: TwoMachines;
let a: PiTerminal;
let b: PiTerminal;
let sessionId: string;
let tests = 0;

beforeAll(async () => {
	net = await TwoMachines.start("0.87.1");
}, SLOW);
afterEach(async () => {
	// A test that failed in mid-cut leaves the next one a whole network.
	for (const machine of net?.machines ?? []) {
		await machine.restore();
		await machine.endTerminals();
	}
});
afterAll(() => net?.tearDown());

/** A has answered once; B has been attached and shows it. */
async function attach(settings: Record<string, string>): Promise<void> {
	tests += 1;
	const first = `session number ${tests}`;
	const env = { ...net.env, ...settings };
	a = await net.a.terminal({ env });
	await a.submit(first);
	(await net.a.model.next()).text(`Answer ${tests}.`).finish();
	await a.waitForText(`Answer ${tests}.`);
	await a.waitForText("opensync: synced");
	const found = await waitFor(async () => (await net.sessions()).find(({ title }) => title === first), first);
	sessionId = found.sessionId;
	b = await net.b.terminal({ env, more: ["--opensync-attach", sessionId] });
	await b.waitForText(`Answer ${tests}.`);
}

/** What a screen shows of the session: from its first prompt to the editor. */
async function transcript(terminal: PiTerminal): Promise<string> {
	const lines = (await terminal.scrollback()).split("\n");
	const start = lines.findIndex((line) => line.includes(`session number ${tests}`));
	const frames = lines.flatMap((line, index) => (/─{20}$/.test(line) ? [index] : []));
	return lines
		.slice(start, frames.at(-2))
		.filter((line) => line.trim() !== "" && !/opensync|tmux|OpenSync/i.test(line))
		.join("\n");
}

const fileOf = (machine: "a" | "b") => {
	const files = net[machine]
		.sessionFiles(`"${sessionId}"`)
		.filter((path) => readSession(path).header.id === sessionId);
	expect(files).toHaveLength(1);
	return readSession(files[0] as string).entries;
};

/** Both files hold the same entries in the same order, and so does the backend. */
async function expectLevel(): Promise<void> {
	await waitFor(() => fileOf("a").length === fileOf("b").length, "files of one length", LINK_MS);
	await waitFor(
		async () => (await net.stored(net.a.sessionFiles(sessionId)[0] as string)).length === fileOf("a").length,
		"the backend level",
		LINK_MS,
	);
	expect(fileOf("b")).toEqual(fileOf("a"));
	expect(await net.stored(net.a.sessionFiles(sessionId)[0] as string)).toEqual(fileOf("a"));
}

describe("one session on two machines", () => {
	beforeEach(() => attach(OPEN), SLOW);

	test(
		"is followed live, and driven from either of them",
		async () => {
			await a.submit("from a");
			const request = await net.a.model.next();
			request.text("One ");
			await b.waitForText("One");
			request.text("two ");
			await b.waitForText("One two");
			request.text("three.").finish();
			await b.waitForText("One two three.");
			await b.submit("from b");
			const other = await net.b.model.next();
			expect(JSON.stringify(other.context.messages)).toContain("One two three.");
			other.text("Four ");
			await a.waitForText("Four");
			other.text("five.").finish();
			await a.waitForText("Four five.");
			await expectLevel();
			expect(await transcript(b)).toBe(await transcript(a));
		},
		SLOW,
	);

	test(
		"goes on where it runs while the follower’s link is cut; the follower says so and catches up",
		async () => {
			await a.submit("a long one");
			const request = await net.a.model.next();
			request.text("Heard by both, ");
			await b.waitForText("Heard by both,");
			await net.b.cut();
			request.text("unheard by B, ");
			await a.waitForText("unheard by B,");
			await b.waitForText("offline", LINK_MS);
			request.text("and ended.").finish();
			await a.waitForText("and ended.");
			await a.submit("and another");
			const second = await net.a.model.next();
			second.text("Begun unheard, ");
			await a.waitForText("Begun unheard,");
			await net.b.restore();
			await b.waitForText("Begun unheard,", LINK_MS);
			second.text("ended heard.").finish();
			await b.waitForText("Begun unheard, ended heard.");
			await expectLevel();
			expect(await transcript(b)).toBe(await transcript(a));
		},
		SLOW,
	);

	test(
		"goes on unsynced where it runs while that machine’s link is cut, and the follower sees the holder gone",
		async () => {
			await a.submit("a long one");
			const request = await net.a.model.next();
			request.text("Heard by both, ");
			await b.waitForText("Heard by both,");
			await net.a.cut();
			request.text("unheard by B, ");
			await a.waitForText("unheard by B,");
			await b.waitFor((screen) => !screen.includes("Working"), "the holder gone", LINK_MS);
			request.text("and ended.").finish();
			await a.waitForText("and ended.");
			await net.a.restore();
			await b.waitForText("Heard by both, unheard by B, and ended.", LINK_MS);
			await expectLevel();
			expect(await transcript(b)).toBe(await transcript(a));
		},
		SLOW,
	);

	test(
		"keeps what both wrote while they could not hear each other, one of it as a side branch, and tells both",
		async () => {
			await a.submit("begun together");
			const mine = await net.a.model.next();
			mine.text("A begins, ");
			await b.waitForText("A begins,");
			await net.a.cut();
			await b.waitFor((screen) => !screen.includes("Working"), "the holder gone", LINK_MS);
			await b.submit("B goes on");
			const theirs = await net.b.model.next();
			mine.text("A ends alone.").finish();
			await a.waitForText("A ends alone.");
			theirs.text("B answers alone.").finish();
			await b.waitForText("B answers alone.");
			await net.a.restore();
			await a.waitForText("B answers alone.", LINK_MS);
			for (const terminal of [a, b])
				await terminal.waitFor((screen) => /side\s+branch/.test(screen), "the side branch told", LINK_MS);
			const ids = (entries: readonly { id: string }[]) => entries.map(({ id }) => id).sort();
			await waitFor(() => fileOf("a").length === fileOf("b").length, "files of one length", LINK_MS);
			expect(ids(fileOf("b"))).toEqual(ids(fileOf("a")));
			expect(JSON.stringify(fileOf("b"))).toContain("A ends alone.");
			expect(JSON.stringify(fileOf("a"))).toContain("B answers alone.");
			await a.submit("who was heard?");
			const next = await net.a.model.next();
			const context = JSON.stringify(next.context.messages);
			expect(context).toContain("B answers alone.");
			expect(context).not.toContain("A ends alone.");
			next.text("Only B.").finish();
			await b.waitForText("Only B.");
		},
		SLOW,
	);

	test(
		"outlives the sleep of the machine that drives it, with another run meanwhile",
		async () => {
			await a.submit("before the sleep");
			const mine = await net.a.model.next();
			mine.text("Falling asleep, ");
			await b.waitForText("Falling asleep,");
			const pid = await a.pid();
			await net.a.cut();
			process.kill(pid, "SIGSTOP");
			try {
				await b.waitFor((screen) => !screen.includes("Working"), "the holder gone", LINK_MS);
				await b.submit("while it slept");
				(await net.b.model.next()).text("Done meanwhile.").finish();
				await b.waitForText("Done meanwhile.");
			} finally {
				process.kill(pid, "SIGCONT");
			}
			await net.a.restore();
			mine.text("awake again.").finish();
			await a.waitForText("Done meanwhile.", LINK_MS);
			await waitFor(() => fileOf("a").length === fileOf("b").length, "files of one length", LINK_MS);
			for (const machine of ["a", "b"] as const) {
				const texts = JSON.stringify(fileOf(machine));
				expect(texts.split("Falling asleep, awake again.")).toHaveLength(2);
				expect(texts.split("while it slept")).toHaveLength(2);
			}
			for (const terminal of [a, b])
				await terminal.waitFor((screen) => !screen.includes("Working"), "no spinner", LINK_MS);
		},
		SLOW,
	);

	test(
		"runs a prompt once that was typed for a run while the author’s link was cut",
		async () => {
			await a.submit("a long one");
			const request = await net.a.model.next();
			request.text("Heard by both, ");
			await b.waitForText("Heard by both,");
			await net.b.cut();
			await b.submit("typed in the dark");
			await b.waitForText("offline", LINK_MS);
			await b.waitForText("Steering: typed in the dark");
			await net.b.restore();
			await a.waitForText("typed in the dark", LINK_MS);
			request.text("and ended.").finish();
			(await net.a.model.next()).text("Light again.").finish();
			await b.waitForText("Light again.");
			await expectLevel();
			expect(JSON.stringify(fileOf("a")).split("typed in the dark")).toHaveLength(2);
		},
		SLOW,
	);
});

describe("one session on two machines with the defaults", () => {
	beforeEach(() => attach({}), SLOW);

	test(
		"is followed live, secrets hidden on their way",
		async () => {
			const secret = `ghp_${"a1B2c3D4e5F6".repeat(3)}`;
			await a.submit("say a secret");
			const request = await net.a.model.next();
			request.text("First words. ");
			await b.waitForText("First words.");
			request.text(`The token is ${secret} `).text("and that is all.").finish();
			await a.waitForText("and that is all.");
			const screen = await b.waitForText("and that is all.");
			expect(await a.screen()).toContain(secret);
			expect(screen).not.toContain(secret);
			expect(JSON.stringify(fileOf("b"))).not.toContain(secret);
		},
		SLOW,
	);
});
