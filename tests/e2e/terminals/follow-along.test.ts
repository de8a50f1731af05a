/** Where the holder goes on to: a follower is told of a copy, a fork and a session that was resumed, and goes along. */
import { afterAll, beforeAll, describe, test } from "bun:test";
import type { PiTerminal } from "../../support/pi-terminal.ts";
import { SharedSetup } from "../../support/shared-setup.ts";

const SLOW = 120_000;

describe.each([["0.87.1"], ["1.5.2"]] as const)("going along, Pi %s", (version) => {
	let shared: SharedSetup;
	let a: PiTerminal;
	let b: PiTerminal;

	beforeAll(async () => {
		shared = await SharedSetup.start([version, version]);
		a = shared.a;
		await shared.exchange(a, "second prompt", "Answer two.");
		b = await shared.join();
	}, SLOW);
	afterAll(() => shared?.tearDown());

	/** The holder goes on in the session that it has come to, and the follower comes after. */
	async function along(prompt: string, answer: string): Promise<void> {
		await a.submit(prompt);
		(await shared.live.model.next()).text(answer).finish();
		await a.waitForText(answer);
		await b.waitForText("went on to the session");
		await b.submit("/opensync:along");
		await b.waitForText(answer);
	}

	test(
		"/clone, /fork and /resume in the holder, one after the other",
		async () => {
			await a.submit("/clone");
			await a.waitFor(
				(screen) => /clone|fork/i.test(screen.slice(screen.lastIndexOf("Answer two."))),
				"the copy",
			);
			await along("in the copy", "Copied.");

			await a.submit("/fork");
			await a.waitForText("Fork");
			await a.press("Enter");
			await a.waitForText("Forked to new session");
			await a.clearEditor("in the copy");
			await along("in the fork", "Forked.");

			await a.submit("/resume");
			await a.waitForText("Resume Session");
			await a.press("Down");
			await a.press("Enter");
			await a.waitForText("Resumed session");
			await along("in what was resumed", "Resumed.");
		},
		SLOW,
	);
});
