/** Coming to a session that another terminal has, leaving it again, and what a terminal may do that only looks on. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type PiTerminal, readSession, sessionFiles } from "../../support/pi-terminal.ts";
import { conversation, footer, SharedSetup, VERSION_PAIRS } from "../../support/shared-setup.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOW = 120_000;
/** Both versions; what follows is not about pairs. */
const SAME = VERSION_PAIRS.slice(0, 2);

describe.each([...SAME])("attaching, Pi %s", (...versions) => {
	let shared: SharedSetup;
	let a: PiTerminal;
	let b: PiTerminal;
	const begun = () => shared.sessionId.slice(0, 20);

	beforeAll(async () => {
		shared = await SharedSetup.start(versions);
		a = shared.a;
		b = await shared.live.terminal({ version: versions[1] });
		await b.waitForText("opensync: synced");
	}, SLOW);
	beforeEach(() => shared.calm(), SLOW);
	afterAll(() => shared?.tearDown());

	test(
		"lists the sessions, narrows them down by what is typed, and turns this terminal into a view of the chosen one",
		async () => {
			await b.submit("/opensync:attach");
			await b.waitForText("Attach to a session");
			await b.waitForText("proj: first prompt");
			await b.type("nothing like this");
			await b.waitFor((screen) => !screen.includes("proj: first prompt"), "an empty list");
			for (let index = 0; index < "nothing like this".length; index += 1) await b.press("BSpace");
			await b.type("first");
			await b.waitForText("proj: first prompt");
			await b.press("Enter");
			await b.waitForText("Answer one.");
			await b.waitFor((screen) => footer(screen).includes("with"), "who else is here");
			await a.submit("seen from afar");
			(await shared.live.model.next()).text("And answered.").finish();
			await b.waitForText("And answered.");
			await shared.settled(a, b);
		},
		SLOW,
	);

	test(
		"what comes after an attached session is put where Pi puts sessions, and detaching goes back",
		async () => {
			await b.submit("/opensync:detach");
			await b.waitFor((screen) => !screen.includes("Answer one."), "the session to be left");
			await b.submit("a session of its own");
			(await shared.live.model.next()).text("In its own file.").finish();
			await b.waitForText("In its own file.");
			await shared.settled(b);
			const own = await waitFor(() => sessionFiles(shared.live.home)[1], "a second session file");
			await b.submit(`/opensync:attach ${begun()}`);
			await b.waitForText("And answered.");
			await b.submit("/opensync:detach");
			await b.waitForText("In its own file.");
			await b.submit(`/opensync:attach ${begun()}`);
			await b.waitForText("And answered.");
			await b.submit("/new");
			await b.waitFor((screen) => !screen.includes("And answered."), "a new session");
			await b.submit("after an attached one");
			(await shared.live.model.next()).text("Stored where it belongs.").finish();
			await b.waitForText("Stored where it belongs.");
			await shared.settled(b);
			const files = await waitFor(() => {
				const found = sessionFiles(shared.live.home);
				return found.length === 3 ? found : null;
			}, "a third session file");
			expect(files).toContain(own);
		},
		SLOW,
	);

	test(
		"a wrong id, an ambiguous one and what is not understood are each said in one sentence",
		async () => {
			await b.submit("/opensync:attach no-such-session");
			await b.waitForText("The backend has no session no-such-session.");
			await b.submit("/opensync:attach 0");
			await b.waitForText("sessions have ids that begin with 0");
			await b.submit("/opensync:attach --loudly");
			await b.waitForText('"--loudly" is not understood');
		},
		SLOW,
	);

	test(
		"a terminal that was started to follow draws the session as its own, and --read-only changes nothing",
		async () => {
			const c = await shared.live.terminal({
				version: versions[1],
				more: ["--opensync-attach", begun(), "--opensync-read-only"],
			});
			await c.waitForText("And answered.");
			await c.waitFor((screen) => footer(screen).includes("looking on"), "that it only looks on");
			const before = readSession(shared.file).entries;
			await c.submitRefused("this changes nothing", "this terminal only looks on");
			await a.submit("while somebody looks on");
			const request = await shared.live.model.next();
			request.text("They see ");
			await c.waitForText("They see");
			await c.press("Escape");
			request.text("it all.").finish();
			await c.waitForText("They see it all.");
			await shared.settled(a);
			expect(readSession(shared.file).entries.length).toBe(before.length + 2);
			await c.stop();
		},
		SLOW,
	);

	test(
		"a key without the control scope looks on",
		async () => {
			const { stdout } = await shared.live.stack.cli("keys", "create", "--scopes", "read,write", "--json");
			const { key } = JSON.parse(stdout) as { key: string };
			const c = await shared.live.terminal({
				version: versions[1],
				env: { PI_OPENSYNC_API_KEY: key },
				more: ["--opensync-attach", begun()],
			});
			await c.waitFor((screen) => footer(screen).includes("looking on"), "that it only looks on");
			await c.submitRefused("not allowed", "this terminal only looks on");
			await c.stop();
		},
		SLOW,
	);

	test(
		"the lock is taken over only when asked, from a holder that is named, and both are told",
		async () => {
			const c = await shared.live.terminal({ version: versions[1], more: ["--opensync-attach", begun()] });
			await c.waitForText("And answered.");
			await a.submit("a long run");
			const request = await shared.live.model.next();
			request.text("Going on ");
			await c.waitForText("Going on");
			await c.submit("/opensync:take");
			await c.waitForText("Take the turn lock over?");
			await c.press("Enter");
			await c.waitForText("The turn lock is free");
			await c.submit("taken over");
			const second = await shared.live.model.next();
			second.text("By somebody else.").finish();
			await c.waitForText("By somebody else.");
			request.text("and on.").finish();
			await a.waitForText("is a side branch now");
			await c.waitForText("is a side branch: see /tree");
			await waitFor(async () => {
				const ids = (await shared.live.observer.wholeSession(shared.sessionId)).map(({ entryId }) => entryId);
				const own = readSession(shared.file).entries.map(({ id }) => id);
				return ids.length === own.length && ids.every((id) => own.includes(id));
			}, "every entry at both");
			await a.waitForText("By somebody else.");
			// It leaves as one does: a lock that a dead one holds would make it the one that is looked after next.
			await shared.settled(a, c);
			await c.quit();
		},
		SLOW,
	);

	test(
		"followers are told where the holder went on to, and go along",
		async () => {
			const c = await shared.live.terminal({ version: versions[1], more: ["--opensync-attach", begun()] });
			await c.waitForText("And answered.");
			await c.waitFor((screen) => footer(screen).includes("with"), "who else is here");
			await a.submit("/new");
			// A prompt that is typed meanwhile Pi still gives to the session that it leaves.
			await a.waitForText("New session started");
			await a.submit("somewhere else");
			(await shared.live.model.next()).text("We are elsewhere.").finish();
			await c.waitForText('went on to the session "somewhere else"');
			await c.submit("/opensync:along");
			await c.waitForText("We are elsewhere.");
			await c.stop();
		},
		SLOW,
	);
});

describe.each([...SAME])("what of Pi's inside is used, Pi %s", (...versions) => {
	let shared: SharedSetup;
	beforeAll(async () => {
		shared = await SharedSetup.start(versions);
	}, SLOW);
	afterAll(() => shared?.tearDown());

	test(
		"events: the run of another terminal is drawn as it happens",
		async () => {
			await shared.a.submit("/opensync:doctor");
			await shared.a.waitForText("another terminal's run is drawn here as it happens");
		},
		SLOW,
	);

	test(
		"entries: where the session cannot be found the run shows above the editor, then in the transcript",
		async () => {
			const blind = join(shared.live.home.root, "blind.ts");
			const hides = `(globalThis as Record<symbol, unknown>)[Symbol.for("pi-opensync.bound")] = [];`;
			await writeFile(blind, `${hides}\nexport default () => {};\n`);
			const b = await shared.live.terminal({
				version: versions[1],
				more: ["-e", blind, "--session", shared.file],
			});
			await b.waitFor((screen) => footer(screen).includes("with"), "who else is here");
			await b.submit("/opensync:doctor");
			await b.waitForText("shows above the editor");
			await shared.a.submit("told in other ways");
			const request = await shared.live.model.next();
			request.text("Word by ");
			await b.waitForText("Word by");
			request.text("word.").finish();
			await b.waitForText("told in other ways");
			await b.waitForText("Word by word.");
			await shared.settled(shared.a);
			await b.submit("and back");
			const back = await shared.live.model.next();
			back.text("From the blind one.").finish();
			await shared.a.waitForText("From the blind one.");
			await shared.settled(shared.a);
			await b.stop();
		},
		SLOW,
	);

	test(
		"a reload leaves a follower at its session: it goes on following, and drives",
		async () => {
			const b = await shared.join();
			await b.submit("/reload");
			await b.waitForText("Reloaded");
			await b.waitFor((screen) => footer(screen).includes("with"), "who else is here");
			await shared.a.submit("after the reload");
			const request = await shared.live.model.next();
			request.text("Still ");
			await b.waitForText("Still");
			request.text("followed.").finish();
			await b.waitForText("Still followed.");
			await shared.settled(shared.a, b);
			await shared.a.submit("/reload");
			await shared.a.waitForText("Reloaded");
			await b.submit("driven from here");
			(await shared.live.model.next()).text("And level.").finish();
			await shared.a.waitForText("And level.");
			await shared.settled(shared.a, b);
			await shared.expectSameFiles();
			await b.quit();
			shared.forget(b);
		},
		SLOW,
	);

	test(
		"a follower does not compact the session under the terminal that runs it, and says so",
		async () => {
			const b = await shared.join();
			await shared.a.submit("not to be compacted");
			const request = await shared.live.model.next();
			request.text("Going ");
			await b.waitForText("Going");
			await b.submit("/compact");
			await b.waitForText("does not drive the session now");
			request.text("on undisturbed.").finish();
			await b.waitForText("Going on undisturbed.");
			await shared.settled(shared.a, b);
			await shared.expectSameFiles();
			await b.quit();
			shared.forget(b);
		},
		SLOW,
	);

	test(
		"a follower that dies leaves nothing behind that the session's own file does not get",
		async () => {
			const b = await shared.join();
			await b.submit("by a follower");
			(await shared.live.model.next()).text("Stored by both.").finish();
			await shared.a.waitForText("Stored by both.");
			await shared.expectSameFiles();
			const replica = shared.fileOf(b);
			process.kill(await b.pid(), "SIGKILL");
			shared.forget(b);
			await shared.a.quit();
			const line = JSON.stringify({
				type: "session_info",
				id: "0rphan00",
				parentId: readSession(replica).entries.at(-1)?.id,
				timestamp: new Date().toISOString(),
				name: "named while alone",
			});
			await writeFile(replica, `${await readFile(replica, "utf8")}${line}\n`);
			const again = await shared.live.terminal({ version: versions[0], more: ["--session", shared.file] });
			await again.waitForText("Stored by both.");
			await waitFor(
				() => readSession(shared.file).entries.some(({ id }) => id === "0rphan00"),
				"the entry that only the replica had",
			);
			expect(existsSync(replica)).toBe(false);
		},
		SLOW,
	);
});

describe.each([...SAME])("what is left behind, Pi %s", (...versions) => {
	let shared: SharedSetup;
	beforeEach(async () => {
		shared = await SharedSetup.start(versions);
	}, SLOW);
	afterEach(() => shared?.tearDown());

	test(
		"what is done in a terminal that only looks on never comes into the session's own file",
		async () => {
			const { stdout } = await shared.live.stack.cli("keys", "create", "--scopes", "read,write", "--json");
			const { key } = JSON.parse(stdout) as { key: string };
			const { a, file } = shared;
			const ids = () => readSession(file).entries.map(({ id }) => id);
			const byKey = await shared.live.terminal({
				version: versions[1],
				env: { PI_OPENSYNC_API_KEY: key },
				more: ["--session", file],
			});
			const asked = await shared.live.terminal({
				version: versions[1],
				more: ["--opensync-attach", shared.sessionId, "--opensync-read-only"],
			});
			for (const looker of [byKey, asked]) {
				await looker.waitFor((screen) => footer(screen).includes("looking on"), "that it only looks on");
				await looker.submit("!echo of-a-looker");
				await looker.waitFor((screen) => /^ of-a-looker$/m.test(screen), "the command's output");
			}
			process.kill(await asked.pid(), "SIGKILL");
			await a.submit("after the lookers");
			(await shared.live.model.next()).text("Undisturbed.").finish();
			await a.waitForText("Undisturbed.");
			await shared.settled(a);
			await a.quit();
			const before = ids();
			await byKey.quit();
			expect(ids()).toEqual(before);
			const again = await shared.live.terminal({ version: versions[0], more: ["--session", file] });
			await again.waitForText("Undisturbed.");
			await again.waitFor((screen) => footer(screen).includes("synced"), "the session to be level");
			expect(ids()).toEqual(before);
			await again.quit();
		},
		SLOW,
	);

	test(
		"what a terminal left that died alone is a side branch: the session stays where its last run ended",
		async () => {
			const { a, file } = shared;
			const alone = await shared.live.terminal({
				version: versions[1],
				env: { PI_OPENSYNC_CONVEX_URL: "http://127.0.0.1:9" },
				more: ["--session", file],
			});
			await alone.waitFor((screen) => footer(screen).includes("offline"), "that it has no backend");
			await alone.submit("!echo left-behind");
			await alone.waitFor((screen) => /^ left-behind$/m.test(screen), "the command's output");
			process.kill(await alone.pid(), "SIGKILL");
			await a.submit("and the session went on");
			(await shared.live.model.next()).text("It did go on.").finish();
			await a.waitForText("It did go on.");
			await shared.settled(a);
			await a.quit();
			const again = await shared.live.terminal({ version: versions[0], more: ["--session", file] });
			await waitFor(
				() => JSON.stringify(readSession(file).entries).includes("left-behind"),
				"what was left behind in the session's own file",
			);
			await again.waitFor((screen) => footer(screen).includes("synced"), "the session to be level");
			await again.waitForText("It did go on.");
			await again.submit("what was said last?");
			const request = await shared.live.model.next();
			expect(conversation(request).at(-2)).toBe("assistant: It did go on.");
			request.text("That.").finish();
			await again.waitForText("That.");
			await shared.settled(again);
			await again.quit();
		},
		SLOW,
	);
});
