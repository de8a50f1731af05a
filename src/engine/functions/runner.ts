/**
 * Runs functions: looks them up, checks arguments and results, gives each its transaction, commits.
 *
 * Guarantees: queries and mutations run one at a time and see one snapshot; a mutation's writes, the record of
 * its request and the state of its job commit together or not at all; a failed one changes nothing.
 */
import type { Clock } from "../../lib/clock.ts";
import { randomBytes, randomSeed, seededRandom } from "../../lib/randomness.ts";
import type { TouchedKey } from "../storage/documents.ts";
import type { RequestLog, StoredAnswer } from "../storage/request-log.ts";
import type { CommitClock } from "../transaction/commit-clock.ts";
import { Usage } from "../transaction/limits.ts";
import type { ReadSet } from "../transaction/read-set.ts";
import type { SerialQueue } from "../transaction/serial-queue.ts";
import { Transaction, type TransactionScope } from "../transaction/transaction.ts";
import type {
	Caller,
	FunctionKind,
	LogLine,
	MutationOutcome,
	Outcome,
	QueryOutcome,
	RequestKey,
} from "../types.ts";
import type { Json } from "../values/json-value.ts";
import { type ValidatorJson, validationError } from "../values/validator.ts";
import { type Execution, newExecution } from "./execution.ts";
import { errorMessageOf, type Failure, failureOf } from "./function-error.ts";
import type { AppFunction, FunctionTable } from "./function-table.ts";
import { type Invocation, invokeAction, invokeTransactional } from "./invoke.ts";
import { LogBuffer } from "./log-buffer.ts";
import type { InnerCall, InnerResult } from "./services.ts";
import type { SourceMap } from "./source-map.ts";

const MAX_NESTING = 8;
const MAX_VALUE_BYTES = 16 * 1024 * 1024;

export type RunnerOptions = Readonly<{
	scope: TransactionScope;
	queue: SerialQueue;
	functions: FunctionTable;
	sourceMap: SourceMap;
	requests: RequestLog;
	commitClock: CommitClock;
	clock: Clock;
	/** Called after every commit, before the next job. */
	onCommit: (ts: bigint, touched: readonly TouchedKey[]) => void;
	log: (line: string) => void;
}>;

/** Where a call comes from, and what goes with it. */
export type CallOrigin = {
	caller: Caller;
	/** May call internal functions. */
	internal: boolean;
	requestId?: string;
	/** The job that this run is, and what is written with its success. */
	job?: { id: string; begin: (tx: Transaction) => boolean; succeed: (tx: Transaction) => void };
};

export type QueryRun = { outcome: QueryOutcome; reads: ReadSet };

type Checked = { kind: "ok"; fn: AppFunction; argsText: string } | { kind: "failed"; failure: Failure };

const REQUEST_ID_BYTES = 8;
// One call for many ids: every function call needs one.
let idPool = Buffer.alloc(0);

function newRequestId(): string {
	if (idPool.length < REQUEST_ID_BYTES) idPool = Buffer.from(randomBytes(REQUEST_ID_BYTES * 512));
	const id = idPool.toString("hex", 0, REQUEST_ID_BYTES);
	idPool = idPool.subarray(REQUEST_ID_BYTES);
	return id;
}

export class Runner {
	readonly #options: RunnerOptions;
	/** The query or mutation whose code runs now. */
	running: Execution | null = null;

	constructor(options: RunnerOptions) {
		this.#options = options;
	}

	/** Call inside a job of the queue. */
	async queryInJob(
		path: string,
		argsJson: string,
		origin: CallOrigin,
		journal: string | null,
	): Promise<QueryRun> {
		const tx = this.#transaction(false);
		const logs = new LogBuffer();
		const reads = tx.reads as ReadSet;
		const checked = this.#check(tx, path, "query", argsJson, origin.internal || origin.caller.admin);
		const ts = this.#options.commitClock.latest;
		if (checked.kind === "failed")
			return { outcome: { ...failed(checked.failure, logs.lines), ts, journal }, reads };
		const execution = this.#execution("query", checked.fn, origin, tx, logs, journal);
		const result = await this.#invoke(execution, checked);
		this.#tell(checked.fn, logs.lines);
		const { journalIn, journalOut } = execution;
		// One that failed before it came to its page keeps the page's end for when it recovers.
		const kept = result.kind === "failed" ? (journalOut ?? journalIn) : journalOut;
		return { outcome: { ...outcomeOf(result, logs.lines), ts, journal: kept }, reads };
	}

	/** Rejects only when it runs as a job and its writes could not be stored. */
	mutation(
		path: string,
		argsJson: string,
		origin: CallOrigin,
		request?: RequestKey,
	): Promise<MutationOutcome> {
		const isScheduled = origin.job !== undefined;
		return this.#options.queue.runWrite(
			() => this.#mutationInJob(path, argsJson, origin, request),
			isScheduled,
		);
	}

	/** The result is known at once, and told once it is committed. */
	async #mutationInJob(
		path: string,
		argsJson: string,
		origin: CallOrigin,
		request?: RequestKey,
	): Promise<() => MutationOutcome> {
		const { requests, commitClock } = this.#options;
		const stored = request ? this.#storedAnswer(request) : null;
		if (stored) {
			const replay: MutationOutcome = {
				kind: "ok",
				valueJson: stored.valueJson,
				logLines: stored.logLines,
				ts: stored.ts,
				replayed: true,
			};
			return () => replay;
		}
		const tx = this.#transaction(true);
		const logs = new LogBuffer();
		const failWith = (failure: Failure): MutationOutcome => ({
			...failed(failure, logs.lines),
			ts: null,
			replayed: false,
		});
		const fail = (failure: Failure) => (): MutationOutcome => failWith(failure);
		const lose = (error: Error): MutationOutcome => {
			// A job has not failed by it: it waits as before, for a time when it can be stored.
			if (origin.job) throw error;
			return failWith(notStored(error));
		};
		const checked = this.#check(tx, path, "mutation", argsJson, origin.internal || origin.caller.admin);
		if (checked.kind === "failed") return fail(checked.failure);
		try {
			tx.begin();
			if (origin.job && !origin.job.begin(tx)) {
				tx.rollback();
				return fail(failureOf("Canceled"));
			}
			const result = await this.#invoke(
				this.#execution("mutation", checked.fn, origin, tx, logs, null),
				checked,
			);
			if (result.kind === "failed") {
				const gaveUp = !this.#options.scope.database.inTransaction;
				tx.rollback();
				commitClock.abandon();
				this.#tell(checked.fn, logs.lines);
				if (gaveUp) return () => lose(new Error(result.failure.message));
				return fail(result.failure);
			}
			origin.job?.succeed(tx);
			const ts = commitClock.propose();
			if (request) requests.store(request, { ts, valueJson: result.text, logLines: logs.lines }, tx.startMs);
			const lost = this.#keep(tx, ts);
			this.#tell(checked.fn, logs.lines);
			return () => {
				const error = lost();
				return error
					? lose(error)
					: { kind: "ok", valueJson: result.text, logLines: logs.lines, ts, replayed: false };
			};
		} catch (error) {
			// Reached by a full disk and the like; what the function itself throws is a result above.
			this.#undo(tx);
			return () => lose(error as Error);
		}
	}

	/** The answer of an earlier send. One that shares the open commit counts once that is done. */
	#storedAnswer(request: RequestKey): StoredAnswer | null {
		const { requests, scope } = this.#options;
		if (!requests.find(request)) return null;
		scope.group.flush();
		return requests.find(request);
	}

	/** Writes of the engine itself, in a transaction of their own. */
	writeAlone<T>(work: (tx: Transaction) => T): Promise<T> {
		return this.#options.queue.runWrite(() => {
			const tx = this.#transaction(true);
			try {
				tx.begin();
				const result = work(tx);
				const lost = this.#keep(tx, this.#options.commitClock.propose());
				return () => {
					const error = lost();
					if (error) throw error;
					return result;
				};
			} catch (error) {
				this.#undo(tx);
				throw error;
			}
		});
	}

	async action(path: string, argsJson: string, origin: CallOrigin): Promise<Outcome> {
		const logs = new LogBuffer();
		const { scope } = this.#options;
		const checked = this.#check(
			this.#transaction(false),
			path,
			"action",
			argsJson,
			origin.internal || origin.caller.admin,
		);
		if (checked.kind === "failed") return failed(checked.failure, logs.lines);
		const execution = this.#execution("action", checked.fn, origin, null, logs, null);
		const { requestId } = execution;
		const run = await invokeAction(
			execution,
			() => checked.fn.invoke(requestId, checked.argsText),
			this.#options.sourceMap,
		);
		this.#tell(checked.fn, logs.lines);
		if (run.kind === "failed") return failed(run.failure, logs.lines);
		const tx = new Transaction(scope, {
			writable: false,
			startMs: this.#options.clock.now(),
			recordReads: false,
		});
		return outcomeOf(this.#checkResult(tx, checked.fn, run.value), logs.lines);
	}

	/** Runs an HTTP action; a failure comes with the request id it is reported under. */
	async httpAction(
		fn: AppFunction,
		invoke: () => Promise<Response>,
		caller: Caller,
	): Promise<{ kind: "ok"; response: Response } | { kind: "failed"; failure: Failure; requestId: string }> {
		const logs = new LogBuffer();
		const execution = this.#execution("httpAction", fn, { caller, internal: false }, null, logs, null);
		const run = await invokeAction(execution, invoke, this.#options.sourceMap);
		this.#tell(fn, logs.lines);
		const { requestId } = execution;
		if (run.kind === "failed") return { kind: "failed", failure: run.failure, requestId };
		if (!(run.value instanceof Response)) {
			return {
				kind: "failed",
				failure: failureOf("Uncaught Error: HTTP action did not return a Response"),
				requestId,
			};
		}
		return { kind: "ok", response: run.value };
	}

	/** A query or mutation inside its caller's transaction. */
	async runNested(caller: Execution, kind: "query" | "mutation", call: InnerCall): Promise<InnerResult> {
		const tx = caller.tx as Transaction;
		if (caller.depth >= MAX_NESTING)
			return { kind: "failed", failure: failureOf("Maximum depth of nested function calls exceeded") };
		const checked = this.#check(tx, call.path, kind, JSON.stringify([call.args]), true);
		if (checked.kind === "failed") return checked;
		const execution = newExecution({
			kind,
			path: checked.fn.path,
			caller: caller.caller,
			requestId: caller.requestId,
			scheduledId: caller.scheduledId,
			logs: caller.logs,
			random: caller.random,
			startMs: caller.startMs,
			tx,
			depth: caller.depth + 1,
			journalIn: null,
		});
		const outer = tx.usage;
		tx.usage = new Usage(call.limits, outer);
		const part = kind === "mutation" ? tx.beginPart() : null;
		const result = await this.#invoke(execution, checked);
		tx.usage = outer;
		this.running = caller;
		if (result.kind === "failed") {
			if (part) tx.rollbackPart(part);
			return result;
		}
		if (part) tx.keepPart();
		return { kind: "ok", valueJson: result.text };
	}

	#transaction(writable: boolean): Transaction {
		return new Transaction(this.#options.scope, {
			writable,
			startMs: this.#options.clock.now(),
			recordReads: !writable,
		});
	}

	/** Hands the writes to the commit group; the function it gives tells afterwards why they were lost, or null. */
	#keep(tx: Transaction, ts: bigint): () => Error | null {
		let lost: Error | null = null;
		tx.keep(ts, (error) => {
			lost = error;
			if (error) return this.#options.commitClock.abandon();
			this.#options.commitClock.confirm(ts);
			this.#options.onCommit(ts, tx.touched);
		});
		return () => lost;
	}

	#undo(tx: Transaction): void {
		tx.rollback();
		this.#options.commitClock.abandon();
	}

	#execution(
		kind: Execution["kind"],
		fn: AppFunction,
		origin: CallOrigin,
		tx: Transaction | null,
		logs: LogBuffer,
		journal: string | null,
	): Execution {
		return newExecution({
			kind,
			path: fn.path,
			caller: origin.caller,
			requestId: origin.requestId ?? newRequestId(),
			scheduledId: origin.job?.id ?? null,
			logs,
			random: lazyRandom(),
			startMs: tx?.startMs ?? 0,
			tx,
			depth: 0,
			journalIn: journal,
		});
	}

	async #invoke(execution: Execution, call: { fn: AppFunction; argsText: string }): Promise<Invocation> {
		const { sourceMap, clock } = this.#options;
		this.running = execution;
		const result = await invokeTransactional(
			execution,
			() => call.fn.invoke(call.argsText),
			sourceMap,
			clock,
		);
		this.running = null;
		return result.kind === "ok"
			? this.#checkResult(execution.tx as Transaction, call.fn, result.text)
			: result;
	}

	#check(tx: Transaction, path: string, kind: FunctionKind, argsJson: string, internal: boolean): Checked {
		const found = this.#options.functions.lookup(path, kind, internal);
		if (found.kind === "refused") return { kind: "failed", failure: failureOf(found.message) };
		const { fn } = found;
		let args: Json;
		try {
			args = JSON.parse(argsJson) as Json;
		} catch {
			return { kind: "failed", failure: failureOf(`Arguments of ${fn.longPath} are no valid JSON`) };
		}
		const list = Array.isArray(args) ? args : [args];
		if (argsJson.length > MAX_VALUE_BYTES) {
			return {
				kind: "failed",
				failure: failureOf(
					`Arguments for ${fn.longPath} are too large (actual: ${argsJson.length} bytes, limit: 16 MiB)`,
				),
			};
		}
		if (fn.args) {
			const error = argumentError(fn.args, list[0] ?? {}, tx);
			if (error !== null) return { kind: "failed", failure: failureOf(`ArgumentValidationError: ${error}`) };
		}
		return {
			kind: "ok",
			fn,
			argsText: list.length === 0 ? "[{}]" : Array.isArray(args) ? argsJson : `[${argsJson}]`,
		};
	}

	#checkResult(tx: Transaction, fn: AppFunction, text: string): Invocation {
		if (text.length > MAX_VALUE_BYTES) {
			return {
				kind: "failed",
				failure: failureOf(
					`Function ${fn.longPath} return value is too large (actual: ${text.length} bytes, limit: 16 MiB)`,
				),
			};
		}
		if (fn.returns) {
			const error = validationError(fn.returns, JSON.parse(text) as Json, tx.tableOfId);
			if (error !== null) return { kind: "failed", failure: failureOf(`ReturnsValidationError: ${error}`) };
		}
		return { kind: "ok", text };
	}

	#tell(fn: AppFunction, lines: readonly LogLine[]): void {
		for (const line of lines) this.#options.log(`${fn.path} ${line}`);
	}
}

/** Null when they match. Arguments come from clients: what is no value, or nested beyond all measure, does not. */
function argumentError(validator: ValidatorJson, args: Json, tx: Transaction): string | null {
	try {
		return validationError(validator, args, tx.tableOfId);
	} catch (error) {
		return `The arguments cannot be read: ${(error as Error).message}`;
	}
}

function notStored(error: Error): Failure {
	return failureOf(`InternalServerError: the backend could not store this mutation: ${error.message}`);
}

/** Most functions never ask for chance. */
function lazyRandom(): () => number {
	let next: (() => number) | null = null;
	return () => {
		const random = next ?? seededRandom(randomSeed());
		next = random;
		return random();
	};
}

function failed(failure: Failure, logLines: LogLine[]): Outcome & { kind: "error" } {
	const data = failure.dataJson === undefined ? {} : { errorDataJson: failure.dataJson };
	return { kind: "error", errorMessage: errorMessageOf(failure), ...data, logLines };
}

function outcomeOf(result: Invocation, logLines: LogLine[]): Outcome {
	return result.kind === "ok"
		? { kind: "ok", valueJson: result.text, logLines }
		: failed(result.failure, logLines);
}
