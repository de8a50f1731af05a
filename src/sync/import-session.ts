/**
 * Brings a session file to the backend: what it lacks of it, in file order, each entry once, however
 * often it is done. Batches follow each other without waiting, for the backend runs the mutations of one
 * client in the order in which they were sent; when one fails the rest is sent one at a time.
 */
import PQueue from "p-queue";
import { backoffMs } from "../lib/backoff.ts";
import { type Clock, holdingClock } from "../lib/clock.ts";
import type { OpenSession } from "../protocol/session.ts";
import type { FileEntry, SessionFile } from "../session/session-file.ts";
import type { Parked, Transform } from "./contract.ts";
import {
	appendBatch,
	fitsBatch,
	type Item,
	orphansNamed,
	prepare,
	type Ready,
	timeOf,
} from "./entry-push.ts";
import { missingOf, planLineage } from "./lineage-plan.ts";
import { type Backend, BackendError } from "./ports.ts";

export type ImportOptions = {
	backend: Backend;
	/** Its header must be readable: `sessionId` not null. */
	file: SessionFile;
	/** What the file does not tell. `startedAt` is taken from its header. */
	describe: Omit<OpenSession, "sessionId" | "header" | "lineage" | "startedAt">;
	/** The file of the session that this one was forked from, with its own parent before it if it is a fork too. */
	parents?: readonly SessionFile[];
	transform?: Transform;
	/** Entries that need nothing more, of all that the file has. */
	onProgress?: (done: number, total: number) => void;
	/** How often an unreachable backend is tried again before it is an error. Default 5. */
	attempts?: number;
	clock?: Clock;
};

export type Imported = {
	/** Entries stored now. */
	added: number;
	/** Entries that were there, those that a fork shares with its parent included. */
	skipped: number;
	/** Entries that the backend refused. */
	parked: Parked[];
	/** Secrets hidden in what was added, by rule. */
	hidden: Record<string, number>;
};

/** Batches under way at once: enough that the backend never waits for us. */
const WINDOW = 3;

/** Rejects with a `BackendError` when the backend stays unreachable or refuses the key. */
export async function importSession(options: ImportOptions): Promise<Imported> {
	const { file, backend, parents = [] } = options;
	const sessionId = file.sessionId;
	if (sessionId === null) throw new BackendError("refused", "invalid", "The file has no session header.");
	const [parent, ...further] = parents;
	const plan = await patiently(options, () =>
		planLineage({
			backend,
			header: file.header,
			entries: file.entries.map((one) => one.entry),
			parent: parent?.sessionId
				? { sessionId: parent.sessionId, entries: parent.entries.map((one) => one.entry) }
				: null,
			pushParent: async () => {
				if (parent)
					await importSession({ ...options, file: parent, parents: further, onProgress: undefined });
			},
		}),
	);
	const startedAt = startOf(file);
	const opened = await patiently(options, () =>
		backend.openSession({
			...options.describe,
			sessionId,
			header: file.headerLine,
			startedAt,
			...(plan.lineage ? { lineage: plan.lineage } : {}),
		}),
	);
	const own = file.entries.slice(plan.shared);
	const ids = own.map((one) => one.entry.id);
	const missing =
		opened.entryCount === 0 && plan.copied.size === 0
			? new Set(ids)
			: await patiently(options, () => missingOf(backend, sessionId, ids));
	const items = own.filter((one) => missing.has(one.entry.id)).map((one) => itemOf(one, plan.copied));
	const done = file.entries.length - items.length;
	options.onProgress?.(done, file.entries.length);
	const { parked, hidden } = await sendAll(options, sessionId, items, (count) =>
		options.onProgress?.(done + count, file.entries.length),
	);
	return { added: items.length - parked.length, skipped: done, parked, hidden };
}

const startOf = (file: SessionFile): number => {
	const at = Date.parse(String(file.header?.timestamp));
	return Number.isFinite(at) ? at : timeOf(file.entries[0]?.entry ?? { timestamp: "" });
};

function itemOf({ entry, json, orphan }: FileEntry, copied: ReadonlySet<string>): Item {
	const { id, parentId, type } = entry;
	return { entryId: id, parentId, type, timestamp: timeOf(entry), json, orphan, copied: copied.has(id) };
}

type Progress = Pick<Imported, "parked" | "hidden">;

/** All of it is stored or parked afterwards. */
async function sendAll(
	options: ImportOptions,
	sessionId: string,
	items: readonly Item[],
	onDone: (count: number) => void,
): Promise<Progress> {
	const progress: Progress = { parked: [], hidden: {} };
	const head = { sessionId, imported: true };
	const lane = new PQueue({ concurrency: WINDOW });
	let done = 0;
	let failed = false;
	const stored = (batch: Ready[], parked: Parked[]): void => {
		progress.parked.push(...parked);
		for (const { hidden } of batch) addCounts(progress.hidden, hidden);
		done += batch.length;
		onDone(done);
	};
	for await (const batch of batches(options, items, progress)) {
		await lane.onSizeLessThan(1);
		// Behind a failed batch all others wait: they may need the entries that it holds.
		if (failed) break;
		void lane.add(async () => {
			try {
				stored(batch, (await appendBatch(options.backend, head, batch)).parked);
			} catch {
				failed = true;
			}
		});
	}
	await lane.onIdle();
	if (!failed) return progress;
	const ids = items.map((item) => item.entryId);
	const missing = await patiently(options, () => missingOf(options.backend, sessionId, ids));
	for (const { entryId } of progress.parked) missing.delete(entryId);
	const rest = items.filter((item) => missing.has(item.entryId));
	done = items.length - rest.length;
	for await (const batch of batches(options, rest, progress)) {
		const safe = orphansNamed(batch, progress.parked);
		const { parked } = await patiently(
			options,
			(attempt) => appendBatch(options.backend, head, safe, attempt > 1),
			true,
		);
		stored(safe, parked);
	}
	return progress;
}

/** Ready batches within the limits, in order. What cannot be made ready is parked. */
async function* batches(
	options: ImportOptions,
	items: readonly Item[],
	progress: Progress,
): AsyncGenerator<Ready[]> {
	let batch: Ready[] = [];
	let bytes = 0;
	for (const item of items) {
		const made = await patiently(options, () => prepare(options.backend, options.transform, item));
		if (made.kind === "parked") {
			progress.parked.push(made.parked);
			continue;
		}
		if (!fitsBatch(batch.length, bytes, made.bytes)) {
			yield orphansNamed(batch, progress.parked);
			batch = [];
			bytes = 0;
		}
		batch.push(made);
		bytes += made.bytes;
	}
	if (batch.length > 0) yield orphansNamed(batch, progress.parked);
}

function addCounts(sum: Record<string, number>, more: Record<string, number>): void {
	for (const [rule, count] of Object.entries(more)) sum[rule] = (sum[rule] ?? 0) + count;
}

/** Tries again while the backend is unreachable, with back-off. @param unexpectedToo also when it failed in an unforeseen way. */
async function patiently<T>(
	{ attempts = 5, clock = holdingClock }: ImportOptions,
	ask: (attempt: number) => Promise<T>,
	unexpectedToo = false,
): Promise<T> {
	for (let attempt = 0; ; attempt += 1) {
		try {
			return await ask(attempt);
		} catch (error) {
			const again =
				error instanceof BackendError &&
				(error.kind === "unreachable" || (unexpectedToo && error.code === "unexpected" && attempt < 2));
			if (!again || attempt + 1 >= attempts) throw error;
			await new Promise<void>((resolve) => clock.after(backoffMs(attempt), resolve));
		}
	}
}
