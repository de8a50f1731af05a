/** Entries imported per second: a real session's entries under new ids, through the real client into `up`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createConvexBackend } from "../../src/backend/convex-backend.ts";
import { parseSessionFile } from "../../src/session/session-file.ts";
import { importSession } from "../../src/sync/import-session.ts";
import { createSetup } from "../support/cli.ts";
import { ROOT } from "../support/source-tree.ts";
import type { Figure } from "./stats.ts";

const ROUNDS = 5;
/** Copies of the 1,018 entries, one chain. */
const COPIES = 10;

export async function importFigures(): Promise<Figure[]> {
	const setup = createSetup();
	try {
		const up = await setup.up();
		const { apiKey } = JSON.parse(
			(await setup.cli("config", "get", "apiKey", "--show-key", "--json")).stdout,
		) as { apiKey: string };
		const backend = createConvexBackend({ convexUrl: up.url, siteUrl: up.siteUrl, apiKey });
		const rounds: number[] = [];
		for (let round = -1; round < ROUNDS; round++) {
			const file = parseSessionFile(manyEntries(`bench-${round}`));
			const started = performance.now();
			await importSession({
				backend,
				file,
				describe: { source: "pi", projectPath: "/bench", projectName: "bench", machine: "bench" },
			});
			if (round >= 0) rounds.push(file.entries.length / ((performance.now() - started) / 1000));
		}
		await backend.close();
		await up.stop();
		return [
			{
				name: "import: entries stored, client and server in two processes",
				unit: "/s",
				aim: ">= 5,000",
				rounds,
			},
		];
	} finally {
		await setup.dispose();
	}
}

function manyEntries(id: string): string {
	const [, ...lines] = readFileSync(join(ROOT, "tests", "fixtures", "pi-session-large.jsonl"), "utf8")
		.trimEnd()
		.split("\n");
	const out = [
		JSON.stringify({ type: "session", version: 3, id, timestamp: "2026-01-01T00:00:00.000Z", cwd: "/bench" }),
	];
	let parentId: string | null = null;
	for (let copy = 0; copy < COPIES; copy++) {
		for (const line of lines) {
			const entryId = (out.length + 0x10000000).toString(16);
			out.push(`{"id":"${entryId}","parentId":${JSON.stringify(parentId)},${line.slice(1)}`);
			parentId = entryId;
		}
	}
	return out.join("\n");
}
