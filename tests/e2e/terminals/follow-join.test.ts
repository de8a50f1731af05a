/** Terminals that come and go: late joiners, links, pictures with the first prompt, ends of all kinds. */
import { afterEach, describe, expect, test } from "bun:test";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { piArguments, readSession, runPi } from "../../support/pi-terminal.ts";
import { preparePi } from "../../support/pi-versions.ts";
import { conversation, count, SharedSetup, VERSION_PAIRS } from "../../support/shared-setup.ts";

const SLOW = 120_000;

describe.each([...VERSION_PAIRS])("joining a session, Pi %s and Pi %s", (...versions) => {
	let shared: SharedSetup;
	afterEach(() => shared?.tearDown());

	test(
		"S0-4 a late joiner sees the answer so far and then the rest; S0-19 and for how long it has been",
		async () => {
			shared = await SharedSetup.start(versions);
			const { a, live } = shared;
			const gate = join(live.home.root, "gate");
			await a.submit("a long one");
			const request = await live.model.next();
			request.thinking("Thinking first. ").text("The answer ").text("so far");
			await a.waitForText("The answer so far");

			const b = await shared.join();
			await b.waitForText("The answer so far");
			await shared.expectSameScreens();
			request.text(" and the rest");
			for (const terminal of [a, b]) await terminal.waitForText("so far and the rest");
			await shared.expectSameScreens();
			request
				.tool("bash", { command: `echo before; until [ -e ${gate} ]; do sleep 0.05; done; echo behind` })
				.finish();
			await a.waitFor((screen) => elapsed(screen) >= 3, "three seconds");

			// Within the tool, too.
			const c = await shared.join();
			await c.waitForText("\n before");
			await c.waitFor((screen) => elapsed(screen) >= 3, "the time since the tool began");
			await shared.expectSameScreens();
			const [ofA, ofC] = [elapsed(await a.screen()), elapsed(await c.screen())];
			expect(Math.abs(ofA - ofC)).toBeLessThan(2);
			await writeFile(gate, "");
			const last = await live.model.next();
			expect(conversation(last).at(-1)).toBe("toolResult: before\nbehind\n");
			last.text("All of it was seen.").finish();
			const shown = await shared.expectLevel();
			for (const text of ["The answer so far and the rest", "\n behind", "All of it was seen."])
				expect(count(shown, text)).toBe(1);
			const next = await shared.exchange(c, "from the latest", "Heard everywhere.");
			expect(conversation(next).slice(0, 4)).toEqual([
				"user: first prompt",
				"assistant: Answer one.",
				"user: a long one",
				"assistant: The answer so far and the rest[toolCall]",
			]);
		},
		SLOW,
	);

	test(
		"S0-10 a link to the file, the session's id and the file itself are one session, S0-5 with one run at a time",
		async () => {
			shared = await SharedSetup.start(versions);
			const link = join(shared.live.home.root, "link.jsonl");
			await symlink(shared.file, link);
			const b = await shared.join({ session: link });
			const c = await shared.join({ session: shared.sessionId });
			await shared.exchange(b, "by a link", "Heard by all.");
			await shared.exchange(c, "by the id", "Heard by all again.");
			await shared.exchange(shared.a, "by the file", "And again.");

			// All three at once: one run, with a request for each prompt or fewer, and each prompt once.
			const terminals = [shared.a, b, c];
			for (const [index, terminal] of terminals.entries()) {
				await terminal.type(`all at once ${index}`);
				await terminal.waitForText(`all at once ${index}`);
			}
			await Promise.all(terminals.map((terminal) => terminal.press("Enter")));
			const first = await shared.live.model.next();
			for (const terminal of terminals)
				await terminal.waitFor(
					(screen) => count(screen, "Steering: all at once") === 2,
					"the others as queued",
				);
			first.text("One by one.").finish();
			let last = await shared.live.model.next();
			for (let open = true; open; ) {
				last.text("Taken. ").finish();
				const next = await shared.live.model.next(500).catch(() => null);
				open = next !== null;
				last = next ?? last;
			}
			const shown = await shared.expectLevel();
			for (const index of terminals.keys()) {
				expect(count(shown, `all at once ${index}`)).toBe(1);
				expect(conversation(last).filter((line) => line === `user: all at once ${index}`)).toHaveLength(1);
			}
		},
		SLOW,
	);

	test(
		"S0-14 whoever leaves, the work of the others goes on, and the session's own file is whole in the end",
		async () => {
			shared = await SharedSetup.start(versions);
			const { a, live } = shared;
			const b = await shared.join();
			await a.submit("work that goes on");
			const first = await live.model.next();
			first.text("Half done, ");
			await b.waitForText("Half done,");
			await b.quit();
			shared.forget(b);
			first.text("wholly done.").finish();
			await a.waitForText("Half done, wholly done.");
			await shared.settled(a);

			const c = await shared.join();
			await c.submit("the first terminal leaves now");
			const second = await live.model.next();
			second.text("It leaves, ");
			await a.waitForText("It leaves,");
			await a.quit();
			second.text("and is gone.").finish();
			await c.waitForText("It leaves, and is gone.");
			await c.waitFor((screen) => !screen.includes("Working"), "the end of the run");
			const replica = readSession(shared.fileOf(c)).entries;
			await c.quit();
			expect(readSession(shared.file).entries).toEqual(replica);
			const again = await live.terminal({ more: ["--session", shared.file] });
			await again.waitForText("and is gone.");
		},
		SLOW,
	);

	test(
		"S0-15 print mode runs its prompt itself, whatever the terminals do",
		async () => {
			shared = await SharedSetup.start(versions);
			const { a, live } = shared;
			const pi = await preparePi(versions[1]);
			const printed = runPi(
				pi,
				live.home,
				piArguments({ more: ["-p", "--session", shared.file, "a printed prompt"] }),
			);
			const request = await live.model.next();
			expect(conversation(request)).toEqual([
				"user: first prompt",
				"assistant: Answer one.",
				"user: a printed prompt",
			]);
			request.text("A printed answer.").finish();
			expect((await printed).stdout.trim()).toBe("A printed answer.");
			await a.waitForText("A printed answer.");
			await shared.settled(a);
			expect(JSON.stringify(readSession(shared.file).entries.at(-1))).toContain("A printed answer.");

			await a.submit("a run in the terminal");
			const running = await live.model.next();
			running.text("At work, ");
			await a.waitForText("At work,");
			const meanwhile = runPi(
				pi,
				live.home,
				piArguments({ more: ["-p", "--session", shared.file, "printed meanwhile"] }),
			);
			const own = await live.model.next();
			expect(conversation(own).at(-1)).toBe("user: printed meanwhile");
			own.text("Printed all the same.").finish();
			expect((await meanwhile).stdout.trim()).toBe("Printed all the same.");
			expect(await a.screen()).not.toContain("Steering:");
			running.text("undisturbed.").finish();
			await a.waitForText("At work, undisturbed.");
			await shared.settled(a);
		},
		SLOW,
	);

	test(
		"S0-11 a picture in a prompt crosses over to the terminal that runs",
		async () => {
			shared = await SharedSetup.start(versions);
			const { a, live } = shared;
			const picture = join(live.home.root, "picture.png");
			await writeFile(picture, png());
			await a.submit("soon you get a picture");
			const first = await live.model.next();
			first.text("Waiting for it. ");
			const b = await shared.join({ more: [`@${picture}`, "what is this?"] });
			for (const terminal of [a, b]) await terminal.waitForText("Steering:");
			first.finish();
			const second = await live.model.next();
			const given = second.context.messages.at(-1);
			expect(JSON.stringify(given)).toContain("what is this?");
			expect(given?.content).toContainEqual(
				expect.objectContaining({ type: "image", mimeType: "image/png" }),
			);
			second.text("A grey square.").finish();
			await shared.expectLevel();

			const c = await shared.join({ more: [`@${picture}`, "and this?"] });
			const third = await live.model.next();
			expect(conversation(third).filter((line) => line.includes("[image]"))).toHaveLength(2);
			third.text("The same.").finish();
			await c.waitForText("The same.");
			await shared.expectLevel();
		},
		SLOW,
	);
});

/** Seconds that a running tool shows. */
const elapsed = (screen: string): number => Number(/Elapsed ([\d.]+)s/.exec(screen)?.[1] ?? 0);

/** A small grey picture. */
function png(): Buffer {
	const chunk = (type: string, data: Buffer) => {
		const length = Buffer.alloc(4);
		length.writeUInt32BE(data.length);
		const body = Buffer.concat([Buffer.from(type), data]);
		const check = Buffer.alloc(4);
		check.writeUInt32BE(Bun.hash.crc32(body));
		return Buffer.concat([length, body, check]);
	};
	const size = 16;
	const header = Buffer.alloc(13);
	header.writeUInt32BE(size, 0);
	header.writeUInt32BE(size, 4);
	header[8] = 8;
	const rows = Buffer.alloc(size * (size + 1), 128);
	for (let row = 0; row < size; row += 1) rows[row * (size + 1)] = 0;
	const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
	return Buffer.concat([
		signature,
		chunk("IHDR", header),
		chunk("IDAT", deflateSync(rows)),
		chunk("IEND", Buffer.alloc(0)),
	]);
}
