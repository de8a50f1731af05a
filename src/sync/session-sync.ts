/**
 * Keeps one session of the backend equal to its source, and tells its run live.
 *
 * The source is the log: nothing is queued but a position in it, and what the backend acknowledged is all
 * that counts as sent (O1). Entries go in file order, one batch at a time (O2). One loop does all there is
 * to do for the entries and stops when nothing is left; the run's stream goes its own way beside it
 * (`stream-push.ts`) and meets it in one place only: the append that brings a message settles its ops (S2).
 *
 *   wake ──> loop: open ──> fill in ──> append … append ──> leaf, status ──> end streams ──> idle
 *                   ^                      │
 *                   └── session unknown ───┤
 *             back-off, connection <── unreachable
 */
import PQueue from "p-queue";
import { randomId } from "../lib/randomness.ts";
import type { Present } from "../protocol/presence.ts";
import type { SessionStatus } from "../protocol/session.ts";
import type { DeltaOp } from "../protocol/stream.ts";
import type { SessionSync, SessionSyncOptions, SyncReport, SyncState } from "./contract.ts";
import { EntryOutbox } from "./entry-outbox.ts";
import { startPresence } from "./presence-beat.ts";
import { Recovery } from "./recovery.ts";
import { RunStreams } from "./run-streams.ts";
import { StateTeller } from "./state-teller.ts";
import { type Outcome, Waiters } from "./waiters.ts";

/** Types of entries that the ops of a run tell. */
const TOLD = new Set(["message", "custom_message", "compaction"]);

export function createSessionSync(options: SessionSyncOptions): SessionSync {
	const { backend, clock, source, terminalId } = options;
	const streams = new RunStreams({
		...options,
		sessionId: source.sessionId,
		newId: options.newId ?? randomId,
	});
	const outbox = new EntryOutbox(options, streams);
	const lane = new PQueue({ concurrency: 1 });
	let disposed = false;
	let present: readonly Present[] = [];
	let scheduled: (() => void) | null = null;
	let looping = false;
	const waiters = new Waiters(clock);
	const recovery = new Recovery(backend, clock);
	const teller = new StateTeller(currentState);

	const unlisten = [
		backend.onConnection(() => {
			recovery.connectionChanged();
			hearAudience();
			kick();
			teller.changed();
		}),
		backend.onPresence(source.sessionId, (list) => {
			present = list.filter((one) => one.clientId !== terminalId);
			hearAudience();
			teller.changed();
		}),
	];
	const presence = options.presence
		? startPresence(backend, clock, () => ({
				clientId: terminalId,
				kind: "terminal",
				sessionId: source.sessionId,
				watching: options.presence?.watching?.() ?? false,
				label: options.presence?.label ?? "",
			}))
		: null;
	kick();

	return {
		wake: guarded(kick),
		status: guarded((status: SessionStatus) => {
			outbox.wantStatus(status);
			kick();
		}),
		beginRun: guarded((startedAt: number) => {
			const entries = source.entries();
			// Names and labels may come from elsewhere at any place; what ops tell comes after the last message.
			const last = entries.findLast(({ type }) => TOLD.has(type)) ?? entries.at(-1);
			streams.begin(startedAt, last?.id ?? null);
			hearAudience();
		}),
		op: guarded((op: DeltaOp) => streams.op(op)),
		messageDone: guarded(() => streams.messageDone(source.entries().length)),
		endRun: guarded(() => {
			streams.endRun();
			kick();
		}),
		held: guarded((entryIds: readonly string[]) => outbox.held(entryIds)),
		leafIs: guarded((leafId: string | null) => outbox.leafIs(leafId)),
		progress: () => outbox.progress,
		touch: guarded(() => presence?.touch()),
		state: currentState,
		onState: (listener) => teller.listen(listener),
		resync,
		flush: async (deadlineMs) => (await idleWithin(deadlineMs)) === "idle",
		dispose,
	};

	/** A call from a Pi handler: whatever goes wrong in it stays here (H1). */
	function guarded<Args extends unknown[]>(run: (...args: Args) => void): (...args: Args) => void {
		return (...args) => {
			if (disposed) return;
			try {
				run(...args);
			} catch {
				// Bounded by the next wake, and by the fill-in at the next start.
			}
		};
	}

	/** Runs the loop soon, never in the caller's time. */
	function kick(): void {
		if (disposed || looping || scheduled) return;
		scheduled = clock.after(0, () => {
			scheduled = null;
			looping = true;
			void lane.add(loop).then(() => {
				looping = false;
				// What came while the loop ended is found here.
				if (outbox.hasWork()) kick();
				else waiters.wake("idle");
			});
		});
	}

	/** Never rejects: every failure ends in a pause and another try. */
	async function loop(): Promise<void> {
		while (!disposed && outbox.hasWork()) {
			try {
				await outbox.step();
				recovery.succeeded();
				hearAudience();
				teller.changed();
			} catch (error) {
				outbox.failed(error);
				recovery.note(error);
				teller.changed();
				waiters.wake("failed");
				await recovery.pause();
			}
		}
		if (!disposed) recovery.succeeded();
		teller.changed();
	}

	function hearAudience(): void {
		const canSend = outbox.isOpen && backend.connection().kind === "connected";
		streams.setAudience(
			canSend,
			present.some((one) => one.watching),
		);
	}

	function currentState(): SyncState {
		const { link, reason } = recovery.link(outbox.isOpen || !outbox.hasWork());
		return { link, reason, present, ...outbox.counts() };
	}

	async function resync(): Promise<SyncReport> {
		if (disposed) return { kind: "failed", message: "The sync was ended." };
		outbox.recheck();
		const before = outbox.counts();
		const outcome = await nextOutcome();
		if (outcome !== "idle") return { kind: "failed", message: recovery.reason ?? "The sync was ended." };
		const after = outbox.counts();
		return {
			kind: "done",
			checked: outbox.length,
			sent: outbox.sentSinceCheck,
			parked: after.parked.length - before.parked.length,
		};
	}

	function nextOutcome(): Promise<Outcome> {
		const outcome = waiters.next();
		kick();
		recovery.hurry();
		return outcome;
	}

	function idleWithin(deadlineMs: number): Promise<"idle" | "late" | "disposed"> {
		if (disposed) return Promise.resolve("disposed");
		if (!looping && !outbox.hasWork()) return Promise.resolve("idle");
		const end = waiters.end(deadlineMs);
		kick();
		return end;
	}

	async function dispose(): Promise<void> {
		if (disposed) return;
		disposed = true;
		scheduled?.();
		for (const end of unlisten) end();
		streams.stop();
		recovery.stop();
		teller.stop();
		waiters.wake("disposed");
		await presence?.stop();
	}
}
