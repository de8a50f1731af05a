/** An engine whose every answer the test gives by hand, so that the order of things can be chosen. */
import type {
	Engine,
	MutationOutcome,
	Outcome,
	QueryOutcome,
	QuerySet,
	Subscription,
} from "../../../src/engine/types.ts";

type Held<T> = { resolve(value: T): void; reject(error: unknown): void };
type Evaluation = { ts: bigint; results: Map<number, QueryOutcome> };

export const value = (json: string, ts: bigint, journal: string | null = null): QueryOutcome => ({
	kind: "ok",
	valueJson: json,
	logLines: [],
	ts,
	journal,
});

export function scriptedEngine() {
	const mutations: (Held<MutationOutcome> & { path: string })[] = [];
	const actions: (Held<Outcome> & { path: string })[] = [];
	const evaluations: (Held<Evaluation> & { atLeast: bigint })[] = [];
	const added: { queryId: number; subscription: Subscription }[] = [];
	const removed: number[] = [];
	let now = 100n;
	let closed = 0;
	const querySet: QuerySet = {
		onStale: null,
		add: (queryId, subscription) => void added.push({ queryId, subscription }),
		remove: (queryId) => void removed.push(queryId),
		evaluate: (atLeast = 0n) =>
			new Promise((resolve, reject) => evaluations.push({ atLeast, resolve, reject })),
		close: () => {
			closed++;
		},
	};
	const engine = {
		functions: new Map(),
		authProviders: [],
		latestTs: () => now,
		mutation: (path: string) =>
			new Promise<MutationOutcome>((resolve, reject) => mutations.push({ path, resolve, reject })),
		action: (path: string) =>
			new Promise<Outcome>((resolve, reject) => actions.push({ path, resolve, reject })),
		openQuerySet: () => querySet,
	} as unknown as Engine;
	return {
		engine,
		querySet,
		mutations,
		actions,
		evaluations,
		added,
		removed,
		closed: () => closed,
		setNow: (ts: bigint) => {
			now = ts;
		},
	};
}

/** Lets everything that is ready run. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
