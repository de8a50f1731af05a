/**
 * From an entry to its push, and a batch of pushes to the backend.
 *
 * Guarantees: what the backend refuses for good is named and the rest of the batch is not lost (E5); a
 * child of what was refused goes as an orphan, so that the tree below it still arrives. It does not retry:
 * an unreachable backend is the caller's business.
 */
import { utf8Bytes } from "../lib/utf8.ts";
import { describeEntry } from "../protocol/describe-entry.ts";
import type { Append, EntryPush } from "../protocol/entry.ts";
import {
	APPEND_MAX_BYTES,
	APPEND_MAX_ENTRIES,
	INLINE_ENTRY_BYTES,
	INLINE_IMAGE_ENTRY_BYTES,
} from "../protocol/limits.ts";
import type { Parked, Transform } from "./contract.ts";
import { type Backend, BackendError } from "./ports.ts";

/** An entry under its lasting id, with its line. */
export type Item = Readonly<{
	entryId: string;
	parentId: string | null;
	type: string;
	/** ms since the epoch. */
	timestamp: number;
	json: string;
	orphan: boolean;
	copied: boolean;
}>;

export type Ready = { push: EntryPush; bytes: number; hidden: Record<string, number> };
export type Prepared = ({ kind: "ready" } & Ready) | { kind: "parked"; parked: Parked };

/** Transforms, measures and where needed uploads. Rejects with a `BackendError` only when the backend cannot be asked. */
export async function prepare(
	backend: Backend,
	transform: Transform | undefined,
	item: Item,
): Promise<Prepared> {
	const { entryId, parentId, type, timestamp, orphan, copied } = item;
	let json = item.json;
	let hidden: Record<string, number> = {};
	try {
		if (transform) ({ json, hidden } = await transform(json, type));
	} catch (error) {
		// Sent as it is it might give away what was to be hidden: it stays here, and the state names it.
		return { kind: "parked", parked: { entryId, message: `It could not be prepared: ${messageOf(error)}` } };
	}
	const bytes = utf8Bytes(json);
	const envelope = {
		entryId,
		parentId,
		type,
		timestamp,
		...(orphan ? { orphan } : {}),
		...(copied ? { copied } : {}),
	};
	if (fitsInline(json, bytes))
		return { kind: "ready", push: { ...envelope, body: { kind: "inline", json } }, bytes, hidden };
	try {
		const storageId = await backend.upload(json);
		const { columns } = describeEntry(json);
		return {
			kind: "ready",
			push: { ...envelope, body: { kind: "stored", storageId, bytes, columns } },
			bytes: 1024,
			hidden,
		};
	} catch (error) {
		if (!isPermanent(error)) throw error;
		return { kind: "parked", parked: { entryId, message: messageOf(error) } };
	}
}

function fitsInline(json: string, bytes: number): boolean {
	if (bytes > INLINE_ENTRY_BYTES) return false;
	return bytes <= INLINE_IMAGE_ENTRY_BYTES || !json.includes('"type":"image"');
}

/** Whether one more of `bytes` goes into a batch that has `count` entries and `sum` bytes. */
export function fitsBatch(count: number, sum: number, bytes: number, maxBytes = APPEND_MAX_BYTES): boolean {
	return count === 0 || (count < APPEND_MAX_ENTRIES && sum + bytes <= maxBytes);
}

export type Sent = { added: number; parked: Parked[]; lastSeq: number; staleEpoch: number | null };

/**
 * Appends a batch; one bad entry is found by halving. Rejects when the backend cannot be asked, does not
 * know the session, or misses a parent: then nothing, or a leading part of the batch, is stored.
 * @param giveUp take an unexpected failure of the backend for a refusal too.
 */
export async function appendBatch(
	backend: Backend,
	head: Omit<Append, "entries">,
	batch: readonly Ready[],
	giveUp = false,
): Promise<Sent> {
	const entries = batch.map((ready) => ready.push);
	try {
		const { added, conflicts = [], lastSeq, staleEpoch = null } = await backend.append({ ...head, entries });
		return {
			added,
			lastSeq,
			staleEpoch,
			parked: conflicts.map((entryId) => ({
				entryId,
				message: "It is stored with other content, which stays.",
			})),
		};
	} catch (error) {
		if (!isPermanent(error, giveUp) || batch.length === 0) throw error;
		if (batch.length > 1) return await appendHalves(backend, head, batch, giveUp);
		// A backend that fails without the entry too is broken, and the entry is not to blame.
		if (!isPermanent(error)) await backend.append({ sessionId: head.sessionId, entries: [] });
		const parked = [{ entryId: (batch[0] as Ready).push.entryId, message: messageOf(error) }];
		// What the entry would have settled is settled all the same: nobody else will.
		if (head.settles) await backend.append({ ...head, entries: [] });
		return { added: 0, parked, lastSeq: 0, staleEpoch: null };
	}
}

async function appendHalves(
	backend: Backend,
	head: Omit<Append, "entries">,
	batch: readonly Ready[],
	giveUp: boolean,
): Promise<Sent> {
	const { settles: _settles, leafId: _leafId, ...plain } = head;
	const middle = Math.ceil(batch.length / 2);
	const first = await appendBatch(backend, plain, batch.slice(0, middle), giveUp);
	const rest = orphansNamed(batch.slice(middle), first.parked);
	const second = await appendBatch(backend, head, rest, giveUp);
	return {
		added: first.added + second.added,
		parked: [...first.parked, ...second.parked],
		lastSeq: Math.max(first.lastSeq, second.lastSeq),
		staleEpoch: second.staleEpoch ?? first.staleEpoch,
	};
}

/** The batch, in which children of what was parked say so. */
export function orphansNamed(batch: readonly Ready[], parked: readonly Parked[]): Ready[] {
	if (parked.length === 0) return [...batch];
	const lost = new Set(parked.map((one) => one.entryId));
	return batch.map((ready) => {
		const { parentId } = ready.push;
		return parentId !== null && lost.has(parentId)
			? { ...ready, push: { ...ready.push, orphan: true } }
			: ready;
	});
}

/** A refusal of what was sent, as against of whoever sent it or of when. */
export function isPermanent(error: unknown, unexpectedToo = false): boolean {
	if (!(error instanceof BackendError) || error.kind !== "refused") return false;
	if (error.code === "unexpected") return unexpectedToo;
	return error.code === "too_large" || error.code === "invalid" || error.code === "entry_conflict";
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** ms since the epoch of an entry; of its message when it has no time of its own; 0 for none. */
export function timeOf(entry: { timestamp: string; message?: unknown }): number {
	const at = Date.parse(entry.timestamp);
	if (Number.isFinite(at)) return at;
	const message = entry.message as { timestamp?: unknown } | null | undefined;
	return typeof message?.timestamp === "number" && Number.isFinite(message.timestamp) ? message.timestamp : 0;
}
