/**
 * A session of another agent, and some of its messages, as its plugin or an import tells them.
 *
 * Guarantees: session and messages are upserts by the agent's own ids, so a repeat changes nothing and
 * writes nothing, whenever it comes; a message that comes with other content takes the place of the one
 * that stands; totals stay the sums of what is stored, unless the agent tells its own; a session that a
 * terminal of Pi syncs is left alone. It does not keep what was replaced.
 */
import type {
	AgentEntry,
	AgentOutcome,
	AgentSession,
	PushAgentSession,
} from "../../../src/protocol/agent-session.ts";
import type { EntryPush } from "../../../src/protocol/entry.ts";
import { DEFAULT_SOURCE, sourceName } from "../../../src/protocol/opensync.ts";
import { internal } from "../../_generated/api.js";
import type { Doc, Id } from "../../_generated/dataModel.js";
import type { MutationCtx } from "../../_generated/server.js";
import { appendEntries, checkSizes, isSame, newEntry } from "../append.ts";
import { asName, checked } from "../checks.ts";
import { scheduleIndexing, scheduleSourceChange } from "../indexing.ts";
import { writeNamePassage, writePassages, writePassagesOfFile } from "../passages.ts";
import { EMPTY_SESSION, findSession, ownEntry } from "../sessions.ts";
import { type Counted, derive, NO_TOTALS, NOTHING_DERIVED, sum, type Totals, totalsOf } from "../totals.ts";
import {
	type Counts,
	checkTime,
	checkTold,
	NO_COUNTS,
	type SessionPatch,
	sameCounts,
	shownCounts,
	toldCounts,
	toldPatch,
} from "./told.ts";

/**
 * Text that is deleted, or searched anew, in the mutation that replaces it; the rest soon after. Both read what
 * stood, however short what comes is, and Convex lets a mutation read 16 MiB.
 */
const AT_ONCE_BYTES = 1024 * 1024;

export type PushedRows = {
	session: AgentOutcome;
	row: Id<"sessions">;
	/** In the order of the entries sent. */
	entries: { entryId: string; outcome: AgentOutcome }[];
};

/** All or nothing. Refuses what is over the limits (`too_large`) or cannot be (`invalid`). */
export async function pushAgentSession(
	ctx: MutationCtx,
	userId: Id<"users">,
	{ session: told, entries, imported = false }: PushAgentSession,
): Promise<PushedRows> {
	checkTold(told);
	for (const { entryId, timestamp } of entries) {
		checked("id", "message id", entryId);
		checkTime(`time of the message ${entryId}`, timestamp);
	}
	const sizes = checkSizes(entries);
	const known = await findSession(ctx, userId, told.externalId);
	if (known && !known.openSync) return kept(known, entries);
	const times = entries.map(({ timestamp }) => timestamp ?? Date.now());
	const startedAt = told.createdAt ?? Math.min(Date.now(), ...times);
	const session = known ?? (await insertSession(ctx, userId, told, startedAt, imported));
	const stored = await storeEntries(ctx, session, entries, sizes);
	const patch = sessionPatch(session, told, stored, imported);
	if (Object.keys(patch).length > 0) await ctx.db.patch(session._id, patch);
	await keepSearchable(ctx, session, patch, stored, imported);
	const changed = Object.keys(patch).length > 0 ? "updated" : "unchanged";
	return { session: known ? changed : "added", row: session._id, entries: stored.outcomes };
}

function kept({ _id }: Doc<"sessions">, entries: readonly AgentEntry[]): PushedRows {
	return {
		session: "kept",
		row: _id,
		entries: entries.map(({ entryId }) => ({ entryId, outcome: "kept" })),
	};
}

async function insertSession(
	ctx: MutationCtx,
	userId: Id<"users">,
	told: AgentSession,
	startedAt: number,
	imported: boolean,
): Promise<Doc<"sessions">> {
	const id = await ctx.db.insert("sessions", {
		userId,
		sessionId: told.externalId,
		removed: false,
		source: asName(sourceName(told.source ?? "")) || DEFAULT_SOURCE,
		header: null,
		projectPath: "",
		projectName: "",
		gitBranch: null,
		machine: "",
		...EMPTY_SESSION,
		startedAt,
		// One that is told to begin later would stay above all others.
		updatedAt: imported ? Math.min(startedAt, Date.now()) : Date.now(),
		openSync: NO_COUNTS,
	});
	return (await ctx.db.get(id)) as Doc<"sessions">;
}

/** What is new is indexed soon, what was replaced at once; what was very long soon too. */
async function keepSearchable(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	patch: SessionPatch,
	{ added, replaced }: Stored,
	imported: boolean,
): Promise<void> {
	const now = { ...session, ...patch };
	if (added.length > 0) await scheduleIndexing(ctx, session, imported);
	let left = AT_ONCE_BYTES;
	for (const { row, json, bytesBefore } of replaced) {
		left -= bytesBefore;
		if (json === null) await writePassagesOfFile(ctx, row._id);
		else if (left >= 0) await writePassages(ctx, now, row, json);
		else await ctx.scheduler.runAfter(0, internal.passages.rewrite, { entry: row._id });
	}
	if (patch.name !== undefined)
		await writeNamePassage(ctx, now, { name: now.name, timestamp: now.startedAt });
	if (patch.source !== undefined) await scheduleSourceChange(ctx, session);
}

/** `row` as it is now; `json` null when its text is a file. */
type Replaced = {
	before: Counted;
	after: Counted;
	row: Doc<"entries">;
	json: string | null;
	bytesBefore: number;
};

/** How much may still be deleted at once. */
type Room = { bytes: number };

type Stored = {
	outcomes: PushedRows["entries"];
	added: Counted[];
	replaced: Replaced[];
	/** Of what was added or replaced and tells its time. */
	times: number[];
	last: Pick<Doc<"sessions">, "lastSeq" | "lastEntryId" | "lastChain">;
};

/** New ones go to the end, in their order; the others are compared with what stands. */
async function storeEntries(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	entries: readonly AgentEntry[],
	sizes: readonly number[],
): Promise<Stored> {
	const isEmpty = session.lastSeq === 0;
	const own = await Promise.all(
		entries.map(({ entryId }) => (isEmpty ? null : ownEntry(ctx, session, entryId))),
	);
	const isFirst = entries.map(({ entryId }, index) => {
		return entries.findIndex((one) => one.entryId === entryId) === index;
	});
	const fresh = entries.filter((_, index) => isFirst[index] && own[index] === null);
	const appended = await appendEntries(ctx, session, inLine(session, fresh), { allNew: true });
	const { lastSeq, lastEntryId, lastChain } = appended;
	const stored: Stored = {
		outcomes: [],
		added: appended.added.map(({ push, columns }) => ({ type: push.type, columns, copied: false })),
		replaced: [],
		times: fresh.map(({ timestamp }) => timestamp).filter((time) => time !== null),
		last: { lastSeq, lastEntryId, lastChain },
	};
	const room: Room = { bytes: AT_ONCE_BYTES };
	for (const [index, entry] of entries.entries()) {
		const isNew = isFirst[index] && own[index] === null;
		// One that comes twice in a batch was perhaps just stored.
		const row = isFirst[index] ? own[index] : await ownEntry(ctx, session, entry.entryId);
		const replaced = row ? await replaceEntry(ctx, row, entry, sizes[index] as number, room) : null;
		if (replaced) {
			stored.replaced.push(replaced);
			if (entry.timestamp !== null) stored.times.push(entry.timestamp);
		}
		const outcome = isNew ? "added" : replaced ? "updated" : "unchanged";
		stored.outcomes.push({ entryId: entry.entryId, outcome });
	}
	return stored;
}

/** Each the parent of the next. */
function inLine(session: Doc<"sessions">, fresh: readonly AgentEntry[]): EntryPush[] {
	return fresh.map(({ entryId, timestamp, body }, index) => ({
		entryId,
		parentId: fresh[index - 1]?.entryId ?? session.lastEntryId,
		type: "message",
		timestamp: timestamp ?? Date.now(),
		body,
	}));
}

/** Null when the entry is as it was. The place and, when none is told, the time stay. */
async function replaceEntry(
	ctx: MutationCtx,
	row: Doc<"entries">,
	{ entryId, timestamp, body }: AgentEntry,
	size: number,
	room: Room,
): Promise<Replaced | null> {
	if (await isSame(ctx, row, { body })) return null;
	const { parentId, type } = row;
	const time = timestamp ?? row.timestamp;
	const made = await newEntry(ctx, { entryId, parentId, type, timestamp: time, body }, size, false);
	await deleteBody(ctx, row, room);
	const { bytes, columns } = made;
	const now = { timestamp: time, bytes, columns, body: made.body };
	await ctx.db.patch(row._id, now);
	return {
		row: { ...row, ...now },
		json: body.kind === "inline" ? body.json : null,
		bytesBefore: row.bytes,
		before: { type, columns: row.columns, copied: false },
		after: { type, columns, copied: false },
	};
}

async function deleteBody(ctx: MutationCtx, { body, bytes }: Doc<"entries">, room: Room): Promise<void> {
	if (body.kind === "stored") {
		if (await ctx.db.system.get(body.storageId)) await ctx.storage.delete(body.storageId);
		return;
	}
	room.bytes -= bytes;
	if (room.bytes >= 0) await ctx.db.delete(body.id);
	else await ctx.scheduler.runAfter(0, internal.garbage.deleteBody, { body: body.id });
}

function sessionPatch(
	session: Doc<"sessions">,
	told: AgentSession,
	{ added, replaced, times, last }: Stored,
	imported: boolean,
): SessionPatch {
	const before = session.openSync ?? NO_COUNTS;
	const sums = summed(session, before, { added, replaced });
	const counts: Counts = {
		...toldCounts(before, told),
		summed: { tokens: sums.tokens, cost: sums.cost },
	};
	const patch: SessionPatch = {
		...(added.length + replaced.length > 0 ? derivedPatch(session, { added, replaced }) : {}),
		...toldPatch(session, told),
	};
	if (added.length > 0) Object.assign(patch, last, { leafId: last.lastEntryId });
	const { entryCount, messageCount, toolCallCount } = sums;
	if (added.length > 0) Object.assign(patch, { entryCount, messageCount });
	if (toolCallCount !== session.toolCallCount) patch.toolCallCount = toolCallCount;
	if (!sameCounts(before, counts)) Object.assign(patch, { openSync: counts }, shownCounts(counts));
	const earliest = Math.min(patch.startedAt ?? session.startedAt, ...times);
	if (earliest < session.startedAt) patch.startedAt = earliest;
	if (Object.keys(patch).length === 0 && replaced.length === 0) return {};
	const updatedAt = imported
		? Math.max(session.updatedAt, ...times.map((time) => Math.min(time, Date.now())))
		: Date.now();
	return updatedAt === session.updatedAt ? patch : { ...patch, updatedAt };
}

type Changes = Pick<Stored, "added" | "replaced">;

function summed(session: Doc<"sessions">, counts: Counts, { added, replaced }: Changes): Totals {
	const { entryCount, messageCount, toolCallCount } = session;
	const before: Totals = { ...counts.summed, entryCount, messageCount, toolCallCount };
	const gone = replaced.map((one) => totalsOf(one.before)).reduce(sum, NO_TOTALS);
	const come = [...added, ...replaced.map((one) => one.after)].map(totalsOf).reduce(sum, before);
	return {
		tokens: {
			input: come.tokens.input - gone.tokens.input,
			output: come.tokens.output - gone.tokens.output,
			cacheRead: come.tokens.cacheRead - gone.tokens.cacheRead,
			cacheWrite: come.tokens.cacheWrite - gone.tokens.cacheWrite,
		},
		// Differences of fractions may end a hair below nothing.
		cost: Math.max(0, come.cost - gone.cost),
		entryCount: come.entryCount - gone.entryCount,
		messageCount: come.messageCount - gone.messageCount,
		toolCallCount: come.toolCallCount - gone.toolCallCount,
	};
}

function derivedPatch(session: Doc<"sessions">, { added, replaced }: Changes): SessionPatch {
	const { name, firstPrompt, model, provider, thinkingLevel } = session;
	let known = { name, firstPrompt, model, provider, thinkingLevel };
	for (const { before, after } of replaced) {
		const said = derive(NOTHING_DERIVED, before).firstPrompt;
		if (said !== null && said === known.firstPrompt) known = { ...known, firstPrompt: null };
		known = derive(known, after);
	}
	known = added.reduce(derive, known);
	const news = Object.entries(known).filter(
		([field, value]) => value !== session[field as keyof typeof known],
	);
	return Object.fromEntries(news);
}
