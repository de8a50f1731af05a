/** What the turn lock and the prompts of one session have to do, as a few lines of plain state. Time is `Date.now()`. */
import type { PromptState, PromptView } from "../../src/protocol/prompt.ts";

export type LockModel = {
	epoch: number;
	holder: string | null;
	expiresAt: number;
	/** What each terminal was told and believes: its epoch, and until when. */
	readonly believed: Map<string, { epoch: number; until: number }>;
	/** The last epoch each terminal was given: what it would write with, right or wrong. */
	readonly given: Map<string, number>;
};

export function newLock(): LockModel {
	return { epoch: 0, holder: null, expiresAt: 0, believed: new Map(), given: new Map() };
}

export function isFree({ holder, expiresAt }: LockModel): boolean {
	return holder === null || expiresAt <= Date.now();
}

export function holds(lock: LockModel, terminal: string, epoch: number): boolean {
	return !isFree(lock) && lock.holder === terminal && lock.epoch === epoch;
}

/** The answer that is due. @param seen the epoch to take over, or null. @param lost the answer does not reach the terminal. */
export function acquire(
	lock: LockModel,
	terminal: string,
	seen: number | null,
	ms: number,
	lost: boolean,
): object {
	const mine = !isFree(lock) && lock.holder === terminal;
	const takes = isFree(lock) || (seen !== null && seen === lock.epoch);
	if (!mine && !takes) return { kind: "held", epoch: lock.epoch, holder: { terminalId: lock.holder } };
	if (!mine) {
		lock.epoch++;
		// The one it was taken from believes on; its writes carry the old epoch.
		if (seen !== null && lock.holder !== null) lock.believed.delete(lock.holder);
	}
	lock.holder = terminal;
	return { kind: "acquired", epoch: lock.epoch, expiresAt: prolong(lock, terminal, ms, lost) };
}

export function renew(lock: LockModel, terminal: string, epoch: number, ms: number, lost: boolean): object {
	if (!holds(lock, terminal, epoch)) return { kind: "lost", epoch: lock.epoch };
	return { kind: "renewed", expiresAt: prolong(lock, terminal, ms, lost) };
}

export function release(lock: LockModel, terminal: string, epoch: number): object {
	if (holds(lock, terminal, epoch)) leave(lock, terminal);
	return isFree(lock) && lock.epoch === epoch ? { kind: "released" } : { kind: "lost", epoch: lock.epoch };
}

/** The terminal gives up or is gone. */
export function leave(lock: LockModel, terminal: string): void {
	if (lock.holder !== terminal) return;
	lock.holder = null;
	lock.believed.delete(terminal);
}

function prolong(lock: LockModel, terminal: string, ms: number, lost: boolean): number {
	lock.expiresAt = Date.now() + ms;
	if (!lost) {
		lock.believed.set(terminal, { epoch: lock.epoch, until: lock.expiresAt });
		lock.given.set(terminal, lock.epoch);
	}
	return lock.expiresAt;
}

/** Where a prompt may go from each state in one step. */
const NEXT: Record<PromptState, readonly PromptState[]> = {
	queued: ["accepted", "withdrawn"],
	accepted: ["started", "done", "failed", "returned"],
	started: ["done", "failed", "returned"],
	done: [],
	failed: [],
	withdrawn: [],
	returned: [],
};

/** What is wrong about how one step moved the prompts; empty when nothing is. */
export function wrongMoves(
	before: readonly PromptView[],
	after: readonly PromptView[],
	lock: LockModel,
	cause: { kind: string; prompt?: string; terminal?: string; state?: string },
): string[] {
	const wrong: string[] = [];
	const known = new Map(before.map((one) => [one.promptId, one]));
	for (const now of after) {
		const was = known.get(now.promptId);
		known.delete(now.promptId);
		if (was === undefined) {
			if (cause.kind !== "send" || now.state !== "queued") wrong.push(`${now.promptId} came as ${now.state}`);
			continue;
		}
		if (was.acceptedBy !== null && was.acceptedBy !== now.acceptedBy)
			wrong.push(`${now.promptId} changed hands`);
		if (was.state === now.state) continue;
		const move = `${now.promptId}: ${was.state} -> ${now.state} by ${JSON.stringify(cause)}`;
		if (!NEXT[was.state].includes(now.state)) wrong.push(`${move} is no way`);
		const about = cause.prompt === now.promptId;
		const told =
			about && cause.kind === "advance" && cause.state === now.state && cause.terminal === was.acceptedBy;
		const lostHolder = now.state === "failed" && (isFree(lock) || lock.holder !== was.acceptedBy);
		const right =
			now.state === "accepted"
				? about && cause.kind === "accept"
				: now.state === "withdrawn"
					? about && cause.kind === "withdraw"
					: told || lostHolder;
		if (!right) wrong.push(`${move} has no reason`);
	}
	for (const gone of known.keys()) wrong.push(`${gone} is gone`);
	return wrong;
}
