/**
 * Runs the code of one function and waits until it is really over.
 *
 * Guarantees: a rejection nobody handled and a promise that never resolves fail the function; what it left
 * running can do nothing afterwards. Not here: transactions and validation.
 */
import type { Clock } from "../../lib/clock.ts";
import { keepAlive } from "../../lib/keep-alive.ts";
import { turn } from "../transaction/serial-queue.ts";
import { type Execution, executionScope } from "./execution.ts";
import { type Failure, failureOf, thrownFailure } from "./function-error.ts";
import type { SourceMap } from "./source-map.ts";

export type Invocation = { kind: "ok"; text: string } | { kind: "failed"; failure: Failure };

/** How long a query or mutation may wait without doing anything. Only hashing and the like takes time there. */
const STUCK_MS = 500;

/** Runs a query or mutation: `start` calls the function. */
export async function invokeTransactional(
	execution: Execution,
	start: () => Promise<string>,
	sourceMap: SourceMap,
	clock: Clock,
): Promise<Invocation> {
	let outcome: Invocation | null = null;
	const running = executionScope.run(execution, async () => {
		try {
			outcome = { kind: "ok", text: await start() };
		} catch (error) {
			outcome = { kind: "failed", failure: thrownFailure(error, sourceMap) };
		}
	});
	// Everything such a function can wait for is done in microtasks, so one turn is enough as a rule. Rejections that nobody handled are known by then, too.
	await turn();
	if (outcome === null) {
		// The clock's timers let the process end, which would leave the caller without an answer.
		const release = keepAlive();
		await settledOrStuck(execution, running, clock, () => outcome !== null);
		release();
	}
	if (execution.nested) await execution.nested;
	execution.closed = true;
	return finalOutcome(execution, outcome, sourceMap);
}

function finalOutcome(execution: Execution, outcome: Invocation | null, sourceMap: SourceMap): Invocation {
	if (outcome?.kind === "failed") return outcome;
	if (execution.unhandled)
		return { kind: "failed", failure: thrownFailure(execution.unhandled.reason, sourceMap) };
	return outcome ?? { kind: "failed", failure: failureOf("Returned promise will never resolve") };
}

async function settledOrStuck(
	execution: Execution,
	running: Promise<void>,
	clock: Clock,
	isOver: () => boolean,
): Promise<void> {
	for (;;) {
		const before = execution.progress;
		await new Promise<void>((resolve) => {
			const cancel = clock.after(STUCK_MS, resolve);
			void running.then(() => {
				cancel();
				resolve();
			});
		});
		// A busy machine can be late with the work and not with the timer; two more turns are for that.
		await turn();
		await turn();
		if (isOver() || execution.unhandled) return;
		if (execution.nested === null && execution.progress === before) return;
	}
}

/** Runs an action or an HTTP action, whose waiting nobody limits here. */
export async function invokeAction<T>(
	execution: Execution,
	start: () => Promise<T>,
	sourceMap: SourceMap,
): Promise<{ kind: "ok"; value: T } | { kind: "failed"; failure: Failure }> {
	try {
		const value = await executionScope.run(execution, start);
		return { kind: "ok", value };
	} catch (error) {
		return { kind: "failed", failure: thrownFailure(error, sourceMap) };
	}
}
