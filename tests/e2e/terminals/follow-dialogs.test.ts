/** Dialogs of extensions at three terminals of one session: whoever answers first has answered. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { PiTerminal } from "../../support/pi-terminal.ts";
import { conversation, MIXED_PAIRS, SharedSetup, VERSION_PAIRS } from "../../support/shared-setup.ts";
import { ROOT } from "../../support/source-tree.ts";

const SLOW = 120_000;
const ASKING = ["-e", join(ROOT, "tests", "support", "asking-extension.ts")];

const KINDS = [
	{ kind: "select", title: "Which number?", keys: ["Down", "Enter"], text: "", answer: "two" },
	{ kind: "confirm", title: "Are you sure?", keys: ["Enter"], text: "", answer: "true" },
	{ kind: "input", title: "What is your name?", keys: ["Enter"], text: "Ada", answer: "Ada" },
	{
		kind: "editor",
		title: "Improve this text",
		keys: ["Enter"],
		text: ", better",
		answer: "a draft, better",
	},
] as const;

describe.each([...VERSION_PAIRS])("dialogs, Pi %s and Pi %s", (...versions) => {
	let shared: SharedSetup;
	let a: PiTerminal;
	let b: PiTerminal;
	let c: PiTerminal;

	beforeAll(async () => {
		shared = await SharedSetup.start(versions, { more: ASKING });
		a = shared.a;
		b = await shared.join({ more: ASKING });
		c = await shared.join({ more: ASKING });
	}, SLOW);
	beforeEach(() => shared.calm(), SLOW);
	afterAll(() => shared?.tearDown());

	const isShown = async (title: string, terminals: PiTerminal[]) => {
		for (const terminal of terminals) await terminal.waitForText(title);
	};
	const isClosed = async (title: string, terminals: PiTerminal[]) => {
		for (const terminal of terminals)
			await terminal.waitFor((screen) => !screen.includes(title), `"${title}" to close`);
	};

	test.each([...KINDS])(
		"a $kind that opens in one terminal is answered in any",
		async ({ kind, title, keys, text, answer }) => {
			const rounds = [
				[a, b],
				[b, a],
				[c, c],
			] as const;
			for (const [round, [asker, answerer]] of rounds.entries()) {
				await asker.submit(`/test:ask ${kind} round-${round}`);
				await isShown(`${title} round-${round}`, [a, b, c]);
				if (text) await answerer.type(text);
				for (const key of keys) await answerer.press(key);
				await isClosed(title, [a, b, c]);
				await asker.waitForText(`${kind} round-${round} answered: ${answer}`);
			}
		},
		SLOW,
	);

	test(
		"a tool of a run asks in every terminal, and what is typed in one of them counts",
		async () => {
			await a.submit("ask somebody");
			(await shared.live.model.next()).tool("ask_person", { kind: "select" }).finish();
			await isShown("Which number?", [a, b, c]);
			// Escape closes the dialog and does not end the run.
			await c.press("Escape");
			await isClosed("Which number?", [a, b, c]);
			const first = await shared.live.model.next();
			expect(conversation(first).at(-1)).toBe("toolResult: the answer: undefined");
			first.tool("ask_person", { kind: "input" }).finish();
			await isShown("What is your name?", [a, b, c]);
			await b.type("Grace");
			await b.press("Enter");
			await isClosed("What is your name?", [a, b, c]);
			const second = await shared.live.model.next();
			expect(conversation(second).at(-1)).toBe("toolResult: the answer: Grace");
			second.text("Hello, Grace.").finish();
			for (const terminal of [a, b, c]) await terminal.waitForText("Hello, Grace.");
			await shared.settled(a, b, c);
			await shared.expectSameFiles();
		},
		SLOW,
	);

	test(
		"an editor that a tool of a run opens is answered elsewhere, and the run goes on",
		async () => {
			for (const [round, answerer] of [b, c, a].entries()) {
				await a.submit(`edit a text ${round}`);
				(await shared.live.model.next()).tool("ask_person", { kind: "editor" }).finish();
				await isShown("Improve this text", [a, b, c]);
				await answerer.type(`, once ${round}`);
				await answerer.press("Enter");
				await isClosed("Improve this text", [a, b, c]);
				const request = await shared.live.model.next();
				expect(conversation(request).at(-1)).toBe(`toolResult: the answer: a draft, once ${round}`);
				request.text(`Edited ${round}, `);
				for (const terminal of [a, b, c]) await terminal.waitForText(`Edited ${round},`);
				request.text(`and said to the end ${round}.`).finish();
				for (const terminal of [a, b, c]) await terminal.waitForText(`and said to the end ${round}.`);
				await shared.settled(a, b, c);
			}
			await shared.expectSameFiles();
		},
		SLOW,
	);
});

describe.each([...MIXED_PAIRS])("a dialog that is open already, Pi %s and Pi %s", (...versions) => {
	let shared: SharedSetup;

	afterEach(() => shared?.tearDown());

	test(
		"is answered in a terminal that comes later",
		async () => {
			shared = await SharedSetup.start(versions, { more: ASKING });
			const { a } = shared;
			await a.submit("ask whoever comes");
			(await shared.live.model.next()).tool("ask_person", { kind: "confirm" }).finish();
			await a.waitForText("Are you sure?");
			const b = await shared.join({ more: ASKING });
			await b.waitForText("Are you sure?");
			await b.press("Enter");
			const request = await shared.live.model.next();
			expect(conversation(request).at(-1)).toBe("toolResult: the answer: true");
			request.text("Then it is done.").finish();
			for (const terminal of [a, b]) {
				await terminal.waitForText("Then it is done.");
				expect(await terminal.screen()).not.toContain("Are you sure?");
			}
			await shared.settled(a, b);
			await shared.expectSameFiles();
		},
		SLOW,
	);
});
