/** With redaction on, what leaves the machine holds no secret: not in entries, not in deltas, not split over deltas. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LiveSetup } from "../../support/live-setup.ts";
import { readSession, sessionFiles } from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";

const SLOW = 120_000;

/** Put together here, so that no scanner takes this file for a leak. */
const TOKEN = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");
const PASSWORD = ["correct", "horse", "battery", "9Xq"].join("-");

describe.each([...PI_VERSIONS])("redaction in Pi %s", (version) => {
	let live: LiveSetup;

	beforeAll(async () => {
		live = await LiveSetup.start(version, { PI_OPENSYNC_REDACTION: "on", PI_OPENSYNC_THINKING: "off" });
		await writeFile(join(live.home.cwd, ".env"), `DATABASE_PASSWORD=${PASSWORD}\nPORT=8080\n`);
	}, SLOW);
	afterAll(() => live?.tearDown());

	test(
		"replaces secrets in prompt, answer, tool call and output, and keeps everything else",
		async () => {
			const terminal = await live.terminal();
			await terminal.submit(`my token is ${TOKEN} ok`);
			const request = await live.model.next();
			const { sessionId } = await live.observer.session();
			const seen = live.observer.watch(sessionId);
			request.thinking("a private thought ");
			request.text("You told me ");
			await live.observer.until("the first words", () => seen.text.includes("You told"));
			for (const piece of [TOKEN.slice(0, 9), TOKEN.slice(9, 21), `${TOKEN.slice(21)} and `])
				request.text(piece);
			request.text("that is all. ");
			request.tool("bash", { command: `cat .env; echo ${TOKEN}` }).finish();
			(await live.model.next()).text("Read.").finish();
			await live.observer.until(
				"the end of the run",
				() => seen.entries.some((entry) => entry.json?.includes("Read.")) && !seen.streaming,
			);

			const file = readSession(sessionFiles(live.home).at(-1) as string).entries;
			expect(JSON.stringify(file)).toContain(TOKEN);
			expect(JSON.stringify(file)).toContain(PASSWORD);
			const sent = JSON.stringify([seen.entries, seen.ops, seen.texts, live.observer.sessions]);
			expect(sent).not.toContain(TOKEN);
			expect(sent).not.toContain(TOKEN.slice(9, 21));
			expect(sent).not.toContain(PASSWORD);
			expect(sent).toContain("[redacted:");
			expect(sent).toContain("8080");
			expect(sent).toContain("that is all.");
			expect(sent).not.toContain("a private thought");
			expect(sent).toContain("leftOut");
			const shape = (entry: unknown) => {
				const { id, parentId, type } = entry as Record<string, unknown>;
				return { id, parentId, type };
			};
			expect(seen.json.map(shape)).toEqual(file.map(shape));

			await terminal.submit("/opensync:status");
			const screen = await terminal.waitForText("replaced (");
			expect(screen).toMatch(/left out\s+thinking/);
			await terminal.quit();
		},
		SLOW,
	);
});
