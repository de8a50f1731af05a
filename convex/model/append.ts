/**
 * One batch of entries going into a session.
 *
 * Guarantees: an entry is there once, however often it is sent (E1); its parent is there first (E2); seqs
 * have no gap and follow arrival (E3); what is stored never changes (E4); what a fork shares or copied is
 * not counted again (F2). Reads are few: the usual entry, whose parent is the last one, costs one look-up.
 */
import { once } from "../../src/lib/once.ts";
import { describeEntry } from "../../src/protocol/describe-entry.ts";
import type { EntryColumns, EntryPush } from "../../src/protocol/entry.ts";
import { refusal } from "../../src/protocol/errors.ts";
import { APPEND_MAX_BYTES, APPEND_MAX_ENTRIES, INLINE_ENTRY_BYTES } from "../../src/protocol/limits.ts";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx } from "../_generated/server.js";
import { asTime, checked, utf8Bytes } from "./checks.ts";
import { placeOn, type Segment, sharedSegments } from "./lineage.ts";
import { ownEntry } from "./sessions.ts";

export type NewEntry = {
	push: EntryPush;
	bytes: number;
	columns: EntryColumns;
	body: Doc<"entries">["body"];
	copied: boolean;
};

/** Where new entries go, moved on with each. */
type Ends = {
	lastSeq: number;
	lastEntryId: string | null;
	lastChain: number;
	/** Last seq of each chain looked at. */
	chainEnds: Map<number, number>;
	/** Entries of this batch that are stored, whenever they were. */
	placed: Map<string, { seq: number; chain: number } | "shared">;
};

export type AppendOutcome = {
	added: NewEntry[];
	conflicts: string[];
	lastSeq: number;
	lastEntryId: string | null;
	lastChain: number;
};

/**
 * Stores what is new of a batch. The caller brings the session's row up to date. `allNew`: the caller has
 * looked, and the session has none of them.
 */
export async function appendEntries(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	pushes: readonly EntryPush[],
	{ allNew = false }: { allNew?: boolean } = {},
): Promise<AppendOutcome> {
	const sizes = checkSizes(pushes);
	const { lastSeq, lastEntryId, lastChain } = session;
	const ends: Ends = {
		lastSeq,
		lastEntryId,
		lastChain,
		chainEnds: new Map([[lastChain, lastSeq]]),
		placed: new Map(),
	};
	const shared = once(() => sharedSegments(ctx, session));
	const holdsNone = allNew || lastSeq < session.firstSeq;
	// All at once: the answers do not depend on each other, and an empty session needs none.
	const stored = await Promise.all(
		pushes.map((push) => (holdsNone ? null : ownEntry(ctx, session, push.entryId))),
	);
	const unknown = stored.filter((row) => row === null).length;
	if (unknown > 1) checkLookUps(unknown, await shared());
	const added: NewEntry[] = [];
	const conflicts: string[] = [];
	for (const [index, push] of pushes.entries()) {
		const own = stored[index] ?? null;
		const inBatch = ends.placed.get(push.entryId);
		const earlier = inBatch ? pushes.slice(0, index).find((one) => one.entryId === push.entryId) : undefined;
		if (earlier) {
			if (!sameBody(earlier.body, push.body)) conflicts.push(push.entryId);
			continue;
		}
		if (own) {
			ends.placed.set(push.entryId, own);
			if (!(await isSame(ctx, own, push))) conflicts.push(push.entryId);
			continue;
		}
		const ancestors = await placeOn(ctx, await shared(), push.entryId);
		if (
			ancestors &&
			ancestors.entry.parentId === push.parentId &&
			(await isSame(ctx, ancestors.entry, push))
		) {
			ends.placed.set(push.entryId, "shared");
			continue;
		}
		const chain = await chainFor(ctx, session, push, ends, shared);
		const entry = await newEntry(ctx, push, sizes[index] as number, ancestors !== null);
		await place(ctx, session, entry, chain, ends);
		added.push(entry);
	}
	return {
		added,
		conflicts,
		lastSeq: ends.lastSeq,
		lastEntryId: ends.lastEntryId,
		lastChain: ends.lastChain,
	};
}

/** Ranges of an index that one batch looks into for what ancestors hold: Convex lets a mutation read 4,096. */
const ANCESTOR_LOOK_UPS = 2000;

/** Refuses a batch with more entries than can be looked for in all ancestors of a fork of many. */
function checkLookUps(entries: number, shared: readonly Segment[]): void {
	const ancestors = new Set(shared.map(({ session }) => session._id)).size;
	if (entries * ancestors <= ANCESTOR_LOOK_UPS) return;
	const most = Math.floor(ANCESTOR_LOOK_UPS / ancestors);
	throw refusal(
		"too_large",
		`The batch has ${entries} entries for a fork of ${ancestors} sessions: send ${most} at most.`,
	);
}

/** UTF-8 bytes of each. Refuses a batch that is over the limits. */
export function checkSizes(pushes: readonly Pick<EntryPush, "entryId" | "body">[]): number[] {
	if (pushes.length > APPEND_MAX_ENTRIES) {
		throw refusal(
			"too_large",
			`The batch has ${pushes.length} entries, and ${APPEND_MAX_ENTRIES} are allowed.`,
		);
	}
	const sizes = pushes.map(({ body }) => (body.kind === "inline" ? utf8Bytes(body.json) : body.bytes));
	const tooLarge = pushes.filter(
		({ body }, index) => body.kind === "inline" && (sizes[index] as number) > INLINE_ENTRY_BYTES,
	);
	if (tooLarge.length > 0) {
		const ids = tooLarge.map((push) => push.entryId);
		throw refusal(
			"too_large",
			`An entry of the batch has more than ${INLINE_ENTRY_BYTES} bytes: ${ids.join(", ")}.`,
			{ ids },
		);
	}
	const inline = pushes.reduce(
		(sum, { body }, index) => sum + (body.kind === "inline" ? (sizes[index] as number) : 0),
		0,
	);
	if (inline > APPEND_MAX_BYTES) {
		throw refusal("too_large", `The batch has ${inline} bytes, and ${APPEND_MAX_BYTES} are allowed.`);
	}
	return sizes;
}

/** The push has the text that is stored. */
export async function isSame(
	ctx: MutationCtx,
	stored: Doc<"entries">,
	push: Pick<EntryPush, "body">,
): Promise<boolean> {
	if (push.body.kind === "inline") {
		const { body, bytes } = stored;
		// Of another length it need not be read: a batch of short texts may stand against many long ones.
		if (body.kind !== "inline" || bytes !== utf8Bytes(push.body.json)) return false;
		return (await ctx.db.get(body.id))?.json === push.body.json;
	}
	const fileId = ctx.db.system.normalizeId("_storage", push.body.storageId);
	if (stored.body.kind !== "stored" || !fileId) return false;
	if (stored.body.storageId === fileId) return true;
	const [before, now] = await Promise.all([
		ctx.db.system.get(stored.body.storageId),
		ctx.db.system.get(fileId),
	]);
	const same = before !== null && now !== null && before.sha256 === now.sha256;
	// A repeated upload of what is stored: nobody will ever name this copy.
	if (same) await ctx.storage.delete(fileId);
	return same;
}

function sameBody(a: EntryPush["body"], b: EntryPush["body"]): boolean {
	if (a.kind === "inline") return b.kind === "inline" && a.json === b.json;
	return b.kind === "stored" && a.storageId === b.storageId;
}

/** The chain that the entry goes on, or null for a new one. Refuses an entry whose parent is nowhere (E2). */
async function chainFor(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	push: EntryPush,
	ends: Ends,
	shared: () => Promise<Segment[]>,
): Promise<number | null> {
	const { parentId } = push;
	if (parentId === null) return null;
	if (parentId === ends.lastEntryId) return ends.lastChain;
	const parent = ends.placed.get(parentId) ?? (await ownEntry(ctx, session, parentId));
	if (parent === "shared") return null;
	if (parent) return (await chainEnd(ctx, session, parent.chain, ends)) === parent.seq ? parent.chain : null;
	if (push.orphan || (await placeOn(ctx, await shared(), parentId))) return null;
	throw refusal(
		"parent_missing",
		`The entry ${push.entryId} names the parent ${parentId}, which is not stored.`,
		{
			ids: [push.entryId],
		},
	);
}

async function chainEnd(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	chain: number,
	ends: Ends,
): Promise<number> {
	const known = ends.chainEnds.get(chain);
	if (known !== undefined) return known;
	const last = await ctx.db
		.query("entries")
		.withIndex("by_session_chain_seq", (q) => q.eq("session", session._id).eq("chain", chain))
		.order("desc")
		.first();
	const seq = last?.seq ?? ends.lastSeq;
	ends.chainEnds.set(chain, seq);
	return seq;
}

/** Stores the text; the row that names it is for the caller to write. Refuses a line of another entry and a file that is not there. */
export async function newEntry(
	ctx: MutationCtx,
	push: EntryPush,
	bytes: number,
	standsInAncestor: boolean,
): Promise<NewEntry> {
	checked("id", "entry id", push.entryId);
	const copied = push.copied === true || standsInAncestor;
	if (push.body.kind === "stored") {
		const storageId = ctx.db.system.normalizeId("_storage", push.body.storageId);
		if (!storageId || !(await ctx.db.system.get(storageId))) {
			throw refusal("invalid", `The entry ${push.entryId} names a file that was not uploaded.`, {
				ids: [push.entryId],
			});
		}
		return { push, bytes, columns: push.body.columns, body: { kind: "stored", storageId }, copied };
	}
	const described = describeEntry(push.body.json);
	if (described.entryId !== "" && described.entryId !== push.entryId) {
		throw refusal("invalid", `The entry ${push.entryId} holds the line of ${described.entryId}.`, {
			ids: [push.entryId],
		});
	}
	const id = await ctx.db.insert("bodies", { json: push.body.json });
	return { push, bytes, columns: described.columns, body: { kind: "inline", id }, copied };
}

async function place(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	{ push, bytes, columns, body, copied }: NewEntry,
	goesOn: number | null,
	ends: Ends,
): Promise<void> {
	const seq = ends.lastSeq + 1;
	// A chain is called after the seq of its first entry.
	const chain = goesOn ?? seq;
	const { entryId, parentId, type } = push;
	const timestamp = asTime(push.timestamp);
	await ctx.db.insert("entries", {
		session: session._id,
		entryId,
		parentId,
		seq,
		chain,
		type,
		timestamp,
		bytes,
		body,
		columns,
		copied,
	});
	ends.lastSeq = seq;
	ends.lastEntryId = entryId;
	ends.lastChain = chain;
	ends.chainEnds.set(chain, seq);
	ends.placed.set(entryId, { seq, chain });
}
