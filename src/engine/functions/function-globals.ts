/**
 * The globals that functions see in place of the process's own: frozen time, seeded chance, no timers and no
 * network in queries and mutations, `process.env` of the app, a console that fills log lines.
 *
 * The bundle imports them (see bundle-functions.ts), so the process around the engine keeps its own globals
 * and several engines can run side by side.
 */
import type { Execution } from "./execution.ts";
import { executionScope, isAction } from "./execution.ts";
import type { LogLevel } from "./log-buffer.ts";

export type Operations = {
	syscall(op: string, args: string): string;
	asyncSyscall(op: string, args: string): Promise<string>;
	jsSyscall(op: string, args: Record<string, unknown>): unknown;
};

export type GlobalsOptions = {
	operations: Operations;
	env: Readonly<Record<string, string>>;
	/** ms since the epoch, outside queries and mutations. */
	now: () => number;
	/** Console lines of code that runs outside a function, such as while modules load. */
	log: (line: string) => void;
};

/** Names of everything below; the bundle has to import exactly these. */
export const GLOBAL_NAMES = [
	"Convex",
	"Date",
	"Math",
	"console",
	"process",
	"fetch",
	"setTimeout",
	"setInterval",
	"setImmediate",
] as const;

export type FunctionGlobals = Record<(typeof GLOBAL_NAMES)[number], unknown>;

function refusal(what: string): string {
	return `Can't use ${what} in queries and mutations. Please consider using an action. See https://docs.convex.dev/functions/actions for more details.`;
}

/** The query or mutation whose code is running, if it is one. */
function transactional(): Execution | null {
	const execution = executionScope.getStore();
	return execution && !isAction(execution) ? execution : null;
}

export function makeFunctionGlobals(options: GlobalsOptions): FunctionGlobals {
	return {
		Convex: options.operations,
		Date: makeDate(options.now),
		Math: makeMath(),
		console: makeConsole(options.log),
		process: {
			env: makeEnv(options.env),
			platform: "convex",
			version: "",
			versions: {},
			nextTick: queueMicrotask,
		},
		fetch: (...args: Parameters<typeof fetch>) =>
			transactional() ? Promise.reject(new Error(refusal("fetch()"))) : globalThis.fetch(...args),
		setTimeout: guardedTimer("setTimeout", globalThis.setTimeout),
		setInterval: guardedTimer("setInterval", globalThis.setInterval),
		setImmediate: guardedTimer("setImmediate", globalThis.setImmediate),
	};
}

function guardedTimer(name: string, timer: (...args: never[]) => unknown): (...args: never[]) => unknown {
	return (...args) => {
		if (transactional()) throw new Error(refusal(name));
		return timer(...args);
	};
}

function makeDate(wallClock: () => number): DateConstructor {
	const now = (): number => {
		const execution = transactional();
		if (!execution) return wallClock();
		if (execution.tx?.reads) execution.tx.reads.volatile = true;
		return execution.startMs;
	};
	function FunctionDate(this: unknown, ...args: unknown[]): unknown {
		if (new.target === undefined) return new Date(now()).toString();
		const target = new.target === (FunctionDate as unknown) ? Date : new.target;
		return Reflect.construct(Date, args.length === 0 ? [now()] : args, target);
	}
	Object.setPrototypeOf(FunctionDate, Date);
	FunctionDate.prototype = Date.prototype;
	FunctionDate.now = now;
	return FunctionDate as unknown as DateConstructor;
}

function makeMath(): Math {
	const math = Object.create(Object.prototype, Object.getOwnPropertyDescriptors(Math)) as Math;
	math.random = () => {
		const execution = transactional();
		if (!execution) return Math.random();
		if (execution.tx?.reads) execution.tx.reads.volatile = true;
		return execution.random();
	};
	return math;
}

function makeEnv(env: Readonly<Record<string, string>>): Record<string, string> {
	return new Proxy(
		{ ...env },
		{
			set: () => {
				throw new Error("Functions cannot change their environment variables");
			},
		},
	);
}

function makeConsole(log: (line: string) => void): Record<string, (...values: unknown[]) => void> {
	const write =
		(level: LogLevel) =>
		(...values: unknown[]): void => {
			const execution = executionScope.getStore();
			if (execution) execution.logs.write(level, values);
			else log(`[${level}] ${values.map(String).join(" ")}`);
		};
	const starts = new Map<string, number>();
	const ignore = (): void => {};
	return {
		debug: write("DEBUG"),
		error: write("ERROR"),
		warn: write("WARN"),
		info: write("INFO"),
		log: write("LOG"),
		dir: write("LOG"),
		table: write("LOG"),
		trace: write("LOG"),
		assert: (condition, ...values) => {
			if (!condition) write("ERROR")("Assertion failed", ...values);
		},
		time: (label = "default") => void starts.set(String(label), performance.now()),
		timeEnd: (label = "default") => {
			const start = starts.get(String(label));
			starts.delete(String(label));
			// Time stands still in queries and mutations, for the stopwatch too.
			const elapsedMs = transactional() || start === undefined ? 0 : Math.round(performance.now() - start);
			write("LOG")(`${label}: ${elapsedMs}ms`);
		},
		group: ignore,
		groupEnd: ignore,
	};
}
