/** Entries and sessions for stories: short ids, lines as Pi writes them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { api } from "../../convex/_generated/api.js";
import { describeEntry } from "../../src/protocol/describe-entry.ts";
import type { EntryPush, EntryView } from "../../src/protocol/entry.ts";
import type { OpenSession } from "../../src/protocol/session.ts";
import { type Client, storyStart } from "./app.ts";

type Extra = Partial<Pick<EntryPush, "orphan" | "copied">>;

/** The push of one line. */
export function pushOf(line: string, extra: Extra = {}): EntryPush {
	const { entryId, parentId, type, timestamp } = describeEntry(line);
	return { entryId, parentId, type, timestamp, body: { kind: "inline", json: line }, ...extra };
}

/** An entry of any type; `fields` as Pi would write them. */
export function entry(
	id: string,
	parentId: string | null,
	fields: Record<string, unknown>,
	extra: Extra = {},
): EntryPush {
	const timestamp = new Date(storyStart()).toISOString();
	return pushOf(JSON.stringify({ type: "custom", id, parentId, timestamp, ...fields }), extra);
}

export function user(id: string, parentId: string | null, text: string, extra: Extra = {}): EntryPush {
	return entry(
		id,
		parentId,
		{ type: "message", message: { role: "user", content: [{ type: "text", text }] } },
		extra,
	);
}

/** An answer that cost `input` tokens and as many thousandths of a dollar. */
export function answer(
	id: string,
	parentId: string | null,
	text: string,
	input = 10,
	extra: Extra = {},
): EntryPush {
	const usage = {
		input,
		output: 2,
		cacheRead: 3,
		cacheWrite: 4,
		totalTokens: input + 9,
		cost: { total: input / 1000 },
	};
	const message = {
		role: "assistant",
		content: [{ type: "text", text }],
		provider: "lab",
		model: "model-1",
		usage,
	};
	return entry(id, parentId, { type: "message", message }, extra);
}

/** A line of entries, each the parent of the next: user and assistant in turn. */
export function talk(ids: string[], parentId: string | null = null): EntryPush[] {
	return ids.map((id, index) => {
		const parent = index === 0 ? parentId : (ids[index - 1] as string);
		return index % 2 === 0 ? user(id, parent, `text of ${id}`) : answer(id, parent, `text of ${id}`);
	});
}

export function session(sessionId: string, extra: Partial<OpenSession> = {}): OpenSession {
	return {
		sessionId,
		source: "pi",
		header: JSON.stringify({ type: "session", version: 3, id: sessionId }),
		projectPath: "/home/dev/proj",
		projectName: "proj",
		machine: "laptop",
		startedAt: storyStart(),
		...extra,
	};
}

/** Opens a session with these entries. */
export async function tell(client: Client, opened: OpenSession, entries: EntryPush[] = []): Promise<void> {
	await client.mutation(api.sessions.open, opened);
	if (entries.length > 0) await client.mutation(api.entries.append, { sessionId: opened.sessionId, entries });
}

/** All that can be read of a session, newest first, over as many pages as it takes. */
export async function readAll(client: Client, sessionId: string, limit = 3): Promise<EntryView[]> {
	const all: EntryView[] = [];
	let cursor: string | null = null;
	do {
		const page: { entries: EntryView[]; cursor: string | null } = await client.query(api.entries.page, {
			sessionId,
			cursor,
			limit,
		});
		all.push(...page.entries);
		cursor = page.cursor;
	} while (cursor !== null);
	return all;
}

/** The ids of `readAll`, oldest first. */
export async function idsOf(client: Client, sessionId: string): Promise<string> {
	return (await readAll(client, sessionId))
		.map((one) => one.entryId)
		.reverse()
		.join(" ");
}

const FIXTURES = join(import.meta.dir, "../fixtures/pi");

/** Header and entry lines of a recorded session file. */
export function recorded(name: string): { header: string; lines: string[] } {
	const [header = "", ...lines] = readFileSync(join(FIXTURES, name), "utf8").trimEnd().split("\n");
	return { header, lines };
}
