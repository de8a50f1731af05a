/** Terminals that come and go: late joiners, links, pictures with the first prompt, ends of all kinds. */
import { afterEach, describe, expect, test } from "bun:test";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { piArguments, runPi } from "../../support/pi-terminal.ts";
import { preparePi } from "../../support/pi-versions.ts";
import { conversation, count, SharedSetup, transcript, VERSION_PAIRS } from "../../support/shared-setup.ts";
import { waitFor } from "../../support/wait-for.ts";

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
});

/** Seconds that a running tool shows. */
const elapsed = (screen: string): number => Number(/Elapsed ([\d.]+)s/.exec(screen)?.[1] ?? 0);
