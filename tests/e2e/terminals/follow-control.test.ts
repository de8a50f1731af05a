/** What stock Pi does, so that the other tests of this kind are known to show ours. */
import { describe, expect, test } from "bun:test";
import { LiveSetup } from "../../support/live-setup.ts";
import { readSession, sessionFiles } from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";

const SLOW = 120_000;

describe.each([...PI_VERSIONS])("control: two stock terminals, Pi %s", (version) => {
	test(
		"do not show each other's prompts, and fork the file",
		async () => {
			const live = await LiveSetup.start(version);
			try {
				const a = await live.terminal({ extension: false });
				await a.submit("first prompt");
				(await live.model.next()).text("Answer one.").finish();
				await a.waitForText("Answer one.");
				const file = sessionFiles(live.home)[0] as string;
				const b = await live.terminal({ extension: false, more: ["--session", file] });
				await b.waitForText("Answer one.");

				await a.submit("typed in A");
				const ofA = await live.model.next();
				ofA.text("Said in A.");
				await a.waitForText("Said in A.");
				// B takes a prompt of its own to the end meanwhile, and has heard nothing.
				await b.submit("typed in B");
				const ofB = await live.model.next();
				expect(JSON.stringify(ofB.context.messages)).not.toContain("typed in A");
				ofB.text("Said in B.").finish();
				await b.waitForText("Said in B.");
				ofA.finish();
				await a.waitFor((screen) => !screen.includes("Working"), "the end of the run");
				expect(await b.screen()).not.toContain("typed in A");
				expect(await b.screen()).not.toContain("Said in A.");
				expect(await a.screen()).not.toContain("typed in B");
				const { entries } = readSession(file);
				const parents = entries
					.filter((entry) => /typed in [AB]/.test(JSON.stringify(entry)))
					.map((entry) => entry.parentId);
				expect(parents).toHaveLength(2);
				expect(parents[0]).toBe(parents[1]);
			} finally {
				await live.tearDown();
			}
		},
		SLOW,
	);
});
