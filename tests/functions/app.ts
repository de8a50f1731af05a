/**
 * One way to call the functions of `convex/`, whatever runs them, and `scenario`, which plays the same
 * story on each and compares everything that was answered. Time stands still unless a story advances it.
 */
import { afterAll, expect, jest, test } from "bun:test";
import { type FunctionReference, getFunctionName } from "convex/server";
import { ConvexError } from "convex/values";
import { internal } from "../../convex/_generated/api.js";
import type { Scope } from "../../src/protocol/access.ts";
import { asRefusal } from "../../src/protocol/errors.ts";
import { openConvexTest } from "./convex-test-runner.ts";
import { closeEngines, openEngineRunner } from "./engine-runner.ts";

/** Stories begin a day apart, so that time only ever goes forwards for a runner that they share. */
const DAY_MS = 24 * 60 * 60 * 1000;
let start = Date.parse("2026-01-01T03:04:05.000Z");

/** When the running story began. */
export function storyStart(): number {
	return start;
}

export type Identity = { subject: string; issuer: string; tokenIdentifier: string; keyId?: string };
export type Kind = "query" | "mutation";

/** What runs the functions. Calls reject with a ConvexError or an Error, as the functions threw. */
export type Runner = {
	name: string;
	call(kind: Kind, path: string, args: Record<string, unknown>, identity: Identity | null): Promise<unknown>;
	/** Runs an internal mutation or query. */
	run(kind: Kind, path: string, args: Record<string, unknown>): Promise<unknown>;
	fetch(path: string, init?: RequestInit): Promise<Response>;
	/** Stores a file as a client does with an upload URL; gives its storage id. */
	store(text: string): Promise<string>;
	/** Waits for the scheduled functions whose timer has rung. */
	settle(): Promise<void>;
	/** How many rows a table has. */
	rows(table: string): Promise<number>;
	/** How many files are stored. */
	files(): Promise<number>;
	close(): Promise<void>;
};

export type RunnerOptions = { env: Record<string, string> };
type OpenRunner = (options: RunnerOptions) => Promise<Runner>;
const RUNNERS: OpenRunner[] = [openConvexTest, openEngineRunner];

type Args = Record<string, unknown>;
type Ref<K extends Kind, A extends Args, R> = FunctionReference<K, "public" | "internal", A, R>;

/** Calls with one key's rights. */
export type Client = {
	query<A extends Args, R>(ref: Ref<"query", A, R>, args: A): Promise<R>;
	mutation<A extends Args, R>(ref: Ref<"mutation", A, R>, args: A): Promise<R>;
	/** The code of the refusal that the call ends in. */
	refused<A extends Args, R>(ref: Ref<Kind, A, R>, args: A): Promise<string>;
	keyId: string;
	userId: string;
};

export type App = {
	runner: Runner;
	/** A client with a new key; `user` names the user, by default all are the same. */
	signIn(options?: { scopes?: Scope[]; user?: string }): Promise<Client>;
	/** A client with this identity, or with none. */
	as(identity: Identity | null): Client;
	runMutation<A extends Args, R>(ref: Ref<"mutation", A, R>, args: A): Promise<R>;
	runQuery<A extends Args, R>(ref: Ref<"query", A, R>, args: A): Promise<R>;
	fetch(path: string, init?: RequestInit): Promise<{ status: number; body: unknown; headers: Headers }>;
	store(text: string): Promise<string>;
	/** Leaves what was answered so far out of the comparison: how far a removal has come is each runner's own pace. */
	forget(): void;
	/** Moves time on and lets what is scheduled meanwhile run. */
	advance(ms: number): Promise<void>;
	/** Moves time on in one step: what is scheduled meanwhile runs late. */
	pass(ms: number): Promise<void>;
	/** Sets the clock forwards while nothing that is scheduled runs. */
	jump(ms: number): void;
	/** Lets what is scheduled for now run, once. */
	step(): Promise<void>;
	/** The same some times over, and on until no session is being taken apart. */
	settle(): Promise<void>;
};

/** A test that plays on every runner and ends in the same answers on each. */
export function scenario(
	name: string,
	play: (app: App) => Promise<void>,
	options: Partial<RunnerOptions> = {},
): void {
	afterAll(closeEngines);
	test(name, async () => {
		start += DAY_MS;
		const traces: { runner: string; trace: unknown[] }[] = [];
		for (const open of RUNNERS) {
			jest.useFakeTimers({ now: start });
			const runner = await open({ env: {}, ...options });
			const trace: unknown[] = [];
			try {
				await play(appOn(runner, trace));
			} finally {
				await runner.close();
				jest.useRealTimers();
			}
			traces.push({ runner: runner.name, trace });
		}
		for (const { trace } of traces.slice(1)) expect(trace).toEqual(traces[0]?.trace as unknown[]);
	});
}

function appOn(runner: Runner, trace: unknown[]): App {
	const names = new Map<string, string>();
	const note = (what: string, outcome: unknown) => trace.push({ what, outcome: comparable(outcome, names) });
	const nameId = (value: unknown) => {
		const id = (value as { id?: unknown } | null)?.id;
		if (typeof id === "string" && !names.has(id)) names.set(id, `<id ${names.size}>`);
	};
	const attempt = async <R>(what: string, call: () => Promise<unknown>): Promise<R> => {
		try {
			const value = await call();
			for (const one of Array.isArray(value) ? value : [value]) nameId(one);
			note(what, value ?? null);
			return value as R;
		} catch (error) {
			note(what, error instanceof ConvexError ? { refused: error.data } : { failed: true });
			throw error;
		}
	};
	const name = (ref: FunctionReference<never, never>) => getFunctionName(ref as never);
	const as = (identity: Identity | null): Client => ({
		query: (ref, args) =>
			attempt(name(ref as never), () => runner.call("query", name(ref as never), args, identity)),
		mutation: (ref, args) =>
			attempt(name(ref as never), () => runner.call("mutation", name(ref as never), args, identity)),
		async refused(ref, args) {
			const path = name(ref as never);
			const kind = QUERIES.test(path) ? "query" : "mutation";
			const error = await attempt(path, () => runner.call(kind, path, args, identity)).then(
				() => null,
				(caught: unknown) => caught,
			);
			return asRefusal(error)?.code ?? (error ? `no refusal: ${String(error)}` : "nothing was refused");
		},
		keyId: identity?.keyId ?? "",
		userId: identity?.subject ?? "",
	});
	const app: App = {
		runner,
		as,
		runMutation: (ref, args) =>
			attempt(name(ref as never), () => runner.run("mutation", name(ref as never), args)),
		runQuery: (ref, args) => attempt(name(ref as never), () => runner.run("query", name(ref as never), args)),
		async signIn({ scopes = ["read", "write", "control"], user } = {}) {
			const hash = hashOf(names.size);
			const { id } = await app.runMutation(internal.apiKeys.addFirst, {
				name: `key ${names.size}`,
				hash,
				shown: "osk_test…",
				scopes,
				...(user === undefined ? {} : { userName: user }),
			});
			const found = await runner.run("mutation", "apiKeys:find", { hash });
			return as(identityOf((found as { userId: string }).userId, id));
		},
		async fetch(path, init) {
			const response = await runner.fetch(path, init);
			const text = await response.text();
			const body = text === "" ? null : (JSON.parse(text) as unknown);
			note(`${init?.method ?? "GET"} ${path}`, { status: response.status, body });
			return { status: response.status, body, headers: response.headers };
		},
		async store(text) {
			const id = await runner.store(text);
			names.set(id, `<file ${names.size}>`);
			return id;
		},
		forget() {
			trace.length = 0;
		},
		async advance(ms) {
			for (let left = ms; left > 0; left -= STEP_MS) {
				jest.advanceTimersByTime(Math.min(STEP_MS, left));
				await runner.settle();
			}
		},
		async pass(ms) {
			jest.advanceTimersByTime(ms);
			await runner.settle();
		},
		jump(ms) {
			jest.setSystemTime(Date.now() + ms);
		},
		async step() {
			jest.advanceTimersByTime(1);
			await runner.settle();
		},
		async settle() {
			let rounds = 0;
			for (; rounds < 4 || (rounds < SETTLE_MS && (await runner.rows("removals")) > 0); rounds++)
				await app.step();
			// However many it took, the same time has passed on every runner.
			jest.advanceTimersByTime(SETTLE_MS - rounds + 1);
		},
	};
	return app;
}

/** Fine enough that a check which puts itself off runs again in the same story. */
const STEP_MS = 1000;
/** One step takes a ms. */
const SETTLE_MS = 400;
const QUERIES = /:(list|get|lineage|header|missing|page|tail|current|read|me|listAll|find|live|attachable)$/;

export function identityOf(userId: string, keyId: string): Identity {
	const issuer = "https://site.test";
	return { subject: userId, issuer, tokenIdentifier: `${issuer}|${userId}`, keyId };
}

/** A hash that is as good as any other. */
export function hashOf(n: number): string {
	return n.toString(16).padStart(64, "0");
}

/** The value without what may differ from run to run: made ids, secrets, addresses, cursors, fractions of a ms. */
function comparable(value: unknown, names: ReadonlyMap<string, string>, field = ""): unknown {
	if (typeof value === "string") {
		if (OPAQUE.has(field)) return `<${field}>`;
		if (/^https?:/.test(value)) return "<url>";
		let text = value;
		for (const [id, name] of names) text = text.replaceAll(id, name);
		return text;
	}
	if (typeof value === "number") {
		if (field === "since") return Math.floor(value);
		// Sums depend on the order in which a removal hands entries over.
		return field === "cost" ? Number(value.toFixed(9)) : value;
	}
	if (Array.isArray(value)) {
		const items = value.map((item) => comparable(item, names, field));
		return UNRANKED.has(field) ? items.map((item) => JSON.stringify(item)).sort() : items;
	}
	if (typeof value !== "object" || value === null) return value;
	const known = Object.entries(value).filter(([key, item]) => item !== undefined && !PER_RUNNER.has(key));
	return Object.fromEntries(known.map(([key, item]) => [key, comparable(item, names, key)]));
}

/** Fields whose value is made anew each time. */
const OPAQUE = new Set(["continueCursor", "url", "token", "key", "shown", "userId"]);

/** In an order of relevance, of which Convex's own test double knows nothing. */
const UNRANKED = new Set(["hits", "results", "matches"]);

/** Paging details on which Convex's own test double differs from Convex. */
const PER_RUNNER = new Set(["isDone", "splitCursor", "pageStatus"]);
