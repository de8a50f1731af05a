/**
 * Brings one session of another agent to the backend, in batches within its limits.
 *
 * Guarantees: a message that the backend refuses for good is named and the rest still goes; a backend that
 * is away is tried again with back-off; repeats change nothing, for the backend upserts by the agent's ids.
 * A session that a terminal of Pi syncs stays as it is, and so does one whose messages came under other ids.
 */
import type { History } from "../agents/history.ts";
import type { AgentBackend } from "../backend/agent-backend.ts";
import { backoffMs } from "../lib/backoff.ts";
import { type Clock, holdingClock } from "../lib/clock.ts";
import { utf8Bytes } from "../lib/utf8.ts";
import type { AgentMessage } from "../protocol/agent-entry.ts";
import type { AgentEntry, PushedAgentSession } from "../protocol/agent-session.ts";
import { describeEntry } from "../protocol/describe-entry.ts";
import { INLINE_ENTRY_BYTES, INLINE_IMAGE_ENTRY_BYTES } from "../protocol/limits.ts";
import type { Parked } from "../sync/contract.ts";
import { fitsBatch, isPermanent, messageOf } from "../sync/entry-push.ts";
import { BackendError } from "../sync/ports.ts";
import type { Outgoing } from "./import-transform.ts";

export type PushOptions = {
	backend: AgentBackend;
	outgoing: Outgoing;
	/**
	 * What becomes of a session that a plugin has posted, under ids of its own: it stays, or makes way; `remove`:
	 * whatever stands of the session makes way. Default: what comes is put to what stands.
	 */
	others?: "respect" | "replace" | "remove" | undefined;
	/** How often an unreachable backend is tried again before it is an error. Default 5. */
	attempts?: number;
	clock?: Clock;
	onProgress?: (done: number, total: number) => void;
};

export type Pushed = {
	/** `kept`: Pi itself syncs it. `otherIds`: a plugin has posted it. In both nothing was changed. */
	session: "stored" | "kept" | "otherIds";
	added: number;
	updated: number;
	/** Messages that were there as they are. */
	unchanged: number;
	parked: Parked[];
	hidden: Record<string, number>;
};

type Ready = { entry: AgentEntry; bytes: number; hidden: Record<string, number> };

/** Rejects with a `BackendError` when the backend stays unreachable, refuses the key or the session itself. */
export async function pushHistory(options: PushOptions, history: History): Promise<Pushed> {
	const pushed: Pushed = { session: "stored", added: 0, updated: 0, unchanged: 0, parked: [], hidden: {} };
	const { messages } = history;
	if (options.others && (await isInTheWay(options, history))) {
		if (options.others === "respect") return { ...pushed, session: "otherIds" };
		await patiently(options, () => options.backend.remove(history.session.externalId));
	}
	let batch: Ready[] = [];
	let bytes = 0;
	let done = 0;
	const send = async (): Promise<void> => {
		await sendBatch(options, history, batch, pushed);
		done += batch.length;
		options.onProgress?.(done, messages.length);
		batch = [];
		bytes = 0;
	};
	for (const message of messages) {
		const made = await ready(options, message, pushed);
		if (!made) continue;
		if (!fitsBatch(batch.length, bytes, made.bytes)) await send();
		if (pushed.session === "kept") return pushed;
		batch.push(made);
		bytes += made.bytes;
	}
	if (batch.length > 0 || messages.length === 0) await send();
	return pushed;
}

/** Few are enough: an import brings the first ones first. */
const ASKED_IDS = 100;

/**
 * Prompts tell: for the texts of answers a plugin may take the history's own ids. Only who imports a history
 * tells the machine, so a session that has one was imported, maybe from another file.
 */
async function isInTheWay({ backend, ...options }: PushOptions, { session, messages }: History) {
	const { externalId } = session;
	// Nothing takes the place of nothing.
	if (messages.length === 0) return false;
	const known = await patiently(options, () => backend.session(externalId));
	if (known?.via !== "openSync" || known.entryCount === 0) return false;
	if (options.others === "remove") return true;
	if (known.machine !== "") return false;
	const prompts = messages.filter(({ role }) => role === "user");
	const asked = prompts.length > 0 ? prompts : messages;
	const ids = asked.slice(0, ASKED_IDS).map((message) => message.externalId);
	return (await patiently(options, () => backend.missing(externalId, ids))).length === ids.length;
}

async function ready(options: PushOptions, message: AgentMessage, pushed: Pushed): Promise<Ready | null> {
	const { externalId: entryId } = message;
	try {
		const { json, timestamp, hidden } = options.outgoing(message);
		const bytes = utf8Bytes(json);
		if (bytes <= (json.includes('"type":"image"') ? INLINE_IMAGE_ENTRY_BYTES : INLINE_ENTRY_BYTES))
			return { entry: { entryId, timestamp, body: { kind: "inline", json } }, bytes, hidden };
		const storageId = await patiently(options, () => options.backend.upload(json));
		const { columns } = describeEntry(json);
		return {
			entry: { entryId, timestamp, body: { kind: "stored", storageId, bytes, columns } },
			bytes: 1024,
			hidden,
		};
	} catch (error) {
		if (error instanceof BackendError && !isPermanent(error)) throw error;
		pushed.parked.push({ entryId, message: messageOf(error) });
		return null;
	}
}

/** One bad message is found by halving. */
async function sendBatch(
	options: PushOptions,
	history: History,
	batch: readonly Ready[],
	pushed: Pushed,
): Promise<void> {
	const push = (entries: AgentEntry[]): Promise<PushedAgentSession> =>
		patiently(options, () => options.backend.push({ session: history.session, entries, imported: true }));
	try {
		note(pushed, batch, await push(batch.map(({ entry }) => entry)));
	} catch (error) {
		if (!isPermanent(error, true) || batch.length === 0) throw error;
		// A session that is refused itself, or a backend that is broken: no message is to blame.
		await push([]);
		const [only] = batch;
		if (batch.length === 1 && only) {
			pushed.parked.push({ entryId: only.entry.entryId, message: messageOf(error) });
			return;
		}
		const middle = Math.ceil(batch.length / 2);
		await sendBatch(options, history, batch.slice(0, middle), pushed);
		await sendBatch(options, history, batch.slice(middle), pushed);
	}
}

function note(pushed: Pushed, batch: readonly Ready[], answer: PushedAgentSession): void {
	if (answer.session === "kept") {
		pushed.session = "kept";
		return;
	}
	for (const [at, { outcome }] of answer.entries.entries()) {
		pushed[outcome === "kept" ? "unchanged" : outcome] += 1;
		if (outcome === "unchanged") continue;
		for (const [rule, count] of Object.entries(batch[at]?.hidden ?? {}))
			pushed.hidden[rule] = (pushed.hidden[rule] ?? 0) + count;
	}
}

/** Tries again while the backend is unreachable, with back-off; a failure that it did not foresee once. */
async function patiently<T>(
	{ attempts = 5, clock = holdingClock }: Pick<PushOptions, "attempts" | "clock">,
	ask: () => Promise<T>,
): Promise<T> {
	for (let attempt = 0; ; attempt += 1) {
		try {
			return await ask();
		} catch (error) {
			const again =
				error instanceof BackendError &&
				(error.kind === "unreachable" ||
					(error.kind === "refused" && error.code === "unexpected" && attempt < 1));
			if (!again || attempt + 1 >= attempts) throw error;
			await new Promise<void>((resolve) => clock.after(backoffMs(attempt), resolve));
		}
	}
}
