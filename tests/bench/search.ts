/**
 * Search over sockets in a backend with 20 copies of a real session (20,360 entries): how long a question
 * takes by kind, and how long it is until what was just said, or was just imported, is found.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConvexClient } from "convex/browser";
import { api } from "../../convex/_generated/api.js";
import { createConvexBackend } from "../../src/backend/convex-backend.ts";
import { exchangeKey } from "../../src/backend/token-exchange.ts";
import type { SearchPage } from "../../src/protocol/search.ts";
import { parseSessionFile } from "../../src/session/session-file.ts";
import { importSession } from "../../src/sync/import-session.ts";
import { createSetup } from "../support/cli.ts";
import { ROOT } from "../support/source-tree.ts";
import type { Figure } from "./stats.ts";

const SESSIONS = 20;
const ROUNDS = 25;
const QUESTIONS = {
	"a rare word": "mismatches",
	"two words": "editor keybindings",
	"three common words": "theme colors session",
	"the most common word": "the",
	"one letter": "a",
};

export async function searchFigures(): Promise<Figure[]> {
	const setup = createSetup();
	try {
		const up = await setup.up();
		const { apiKey } = JSON.parse(
			(await setup.cli("config", "get", "apiKey", "--show-key", "--json")).stdout,
		) as { apiKey: string };
		const exchanged = await exchangeKey(fetch, up.siteUrl, apiKey, 10_000);
		if (exchanged.kind !== "token") throw new Error(exchanged.message);
		const client = new ConvexClient(up.url, { skipConvexDeploymentUrlCheck: true });
		client.setAuth(async () => exchanged.token);
		const backend = createConvexBackend({ convexUrl: up.url, siteUrl: up.siteUrl, apiKey });
		for (let copy = 0; copy < SESSIONS; copy++) {
			const file = parseSessionFile(sessionText(`bench-${copy}`));
			const describe = { source: "pi", projectPath: "/bench", projectName: "bench", machine: "bench" };
			await importSession({ backend, file, describe });
		}
		await backend.close();
		const imported = performance.now();
		const last = { query: "mismatches", limit: 1, cursor: null, sessionId: `bench-${SESSIONS - 1}` };
		await until(client, last, (page) => page.hits.length > 0);
		const figures: Figure[] = [
			{
				name: "search: from the end of the import until all is found",
				unit: "ms",
				rounds: [performance.now() - imported],
			},
		];
		for (const [kind, query] of Object.entries(QUESTIONS)) {
			figures.push({ name: `search: ${kind}, 20 hits`, unit: "ms", rounds: await timed(client, query) });
		}
		figures.push({ name: "search: from said until found", unit: "ms", rounds: await saidAndFound(client) });
		await client.close();
		await up.stop();
		return figures;
	} finally {
		await setup.dispose();
	}
}

async function timed(client: ConvexClient, query: string): Promise<number[]> {
	const rounds: number[] = [];
	for (let round = -1; round < ROUNDS; round++) {
		const started = performance.now();
		// A time of its own each time, or the client would answer from what it has.
		await client.query(api.search.passages, { query, limit: 20, cursor: null, after: -round });
		if (round >= 0) rounds.push(performance.now() - started);
	}
	return rounds;
}

async function saidAndFound(client: ConvexClient): Promise<number[]> {
	const rounds: number[] = [];
	await client.mutation(api.sessions.open, {
		...{ sessionId: "said", source: "pi", header: null, machine: "bench", startedAt: 1 },
		...{ projectPath: "/bench", projectName: "bench" },
	});
	for (let round = 0; round < ROUNDS; round++) {
		const word = `okapi${round}`;
		const json = JSON.stringify({ type: "message", id: word, message: { role: "user", content: word } });
		const found = until(client, { query: word, limit: 1, cursor: null }, (page) => page.hits.length > 0);
		const started = performance.now();
		const body = { kind: "inline" as const, json };
		const entries = [{ entryId: word, parentId: null, type: "message", timestamp: 1, body }];
		await client.mutation(api.entries.append, { sessionId: "said", entries });
		await found;
		rounds.push(performance.now() - started);
	}
	return rounds;
}

async function until(
	client: ConvexClient,
	search: { query: string; limit: number; cursor: null; sessionId?: string },
	isIt: (page: SearchPage) => boolean,
): Promise<void> {
	await new Promise<void>((resolve) => {
		const stop = client.onUpdate(api.search.passages, search, (page) => {
			if (!isIt(page)) return;
			setTimeout(() => stop());
			resolve();
		});
	});
}

function sessionText(id: string): string {
	const [, ...lines] = readFileSync(join(ROOT, "tests", "fixtures", "pi-session-large.jsonl"), "utf8")
		.trimEnd()
		.split("\n");
	const timestamp = "2026-01-01T00:00:00.000Z";
	const out = [JSON.stringify({ type: "session", version: 3, id, timestamp, cwd: "/bench" })];
	let parentId: string | null = null;
	for (const line of lines) {
		const entryId = (out.length + 0x10000000).toString(16);
		out.push(`{"id":"${entryId}","parentId":${JSON.stringify(parentId)},${line.slice(1)}`);
		parentId = entryId;
	}
	return out.join("\n");
}
