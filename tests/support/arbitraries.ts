/** What property tests draw from. Runs and seed come from the environment when a failure is to be repeated. */
import fc from "fast-check";
import type { DeltaOp } from "../../src/protocol/stream.ts";
import type { Fault } from "./fake-backend.ts";

/** The same stories on every machine, so that a run tells what a change has done. */
const SEED = 20_261_121;

/** `PROPERTY_RUNS` and `PROPERTY_SEED` override, the latter a number or `random`; a failure prints its seed and path. */
export function runs(count: number): { numRuns: number; seed?: number } {
	const { PROPERTY_RUNS, PROPERTY_SEED } = process.env;
	const numRuns = Number(PROPERTY_RUNS ?? count);
	if (PROPERTY_SEED === "random") return { numRuns };
	return { numRuns, seed: PROPERTY_SEED ? Number(PROPERTY_SEED) : SEED };
}

/** What may happen to a session and its backend. */
export type Happening =
	| { kind: "user" }
	/** The model says something in so many deltas, and its entry follows. */
	| { kind: "answer"; deltas: number; lookBetween: boolean }
	/** An answer that goes on when the next happening comes. */
	| { kind: "beginAnswer" }
	| { kind: "tool"; output: number }
	| { kind: "label" }
	| { kind: "moveLeaf"; back: number }
	| { kind: "time"; ms: number }
	| { kind: "faults"; next: (Fault | null)[] }
	| { kind: "offline" }
	| { kind: "online" }
	| { kind: "crash" }
	| { kind: "streamLost" }
	| { kind: "watch"; on: boolean };

export const happenings: fc.Arbitrary<Happening[]> = fc.array(
	fc.oneof(
		fc.record({ kind: fc.constant("user" as const) }),
		fc.record({ kind: fc.constant("answer" as const), deltas: fc.nat(6), lookBetween: fc.boolean() }),
		fc.record({ kind: fc.constant("beginAnswer" as const) }),
		fc.record({ kind: fc.constant("tool" as const), output: fc.nat(5) }),
		fc.record({ kind: fc.constant("label" as const) }),
		fc.record({ kind: fc.constant("moveLeaf" as const), back: fc.nat(4) }),
		fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(0, 1, 300, 5000) }),
		fc.record({
			kind: fc.constant("faults" as const),
			next: fc.array(fc.constantFrom<Fault | null>("lost", "unanswered", null, "refused"), { maxLength: 8 }),
		}),
		fc.record({ kind: fc.constant("offline" as const) }),
		fc.record({ kind: fc.constant("online" as const) }),
		fc.record({ kind: fc.constant("crash" as const) }),
		fc.record({ kind: fc.constant("streamLost" as const) }),
		fc.record({ kind: fc.constant("watch" as const), on: fc.boolean() }),
	),
	{ maxLength: 25 },
);

const text = fc.string({ maxLength: 6 });
const index = fc.nat(3);
const call = fc.constantFrom("c1", "c2");

/** Senders keep no more of an output than there is. */
function withValidKeeps(ops: DeltaOp[]): DeltaOp[] {
	const lengths = new Map<string, number>();
	return ops.map((op) => {
		if (op[0] === "x") lengths.set(op[1], 0);
		if (op[0] !== "o") return op;
		const keep = Math.min(op[2], lengths.get(op[1]) ?? 0);
		lengths.set(op[1], keep + op[3].length);
		return ["o", op[1], keep, op[3]];
	});
}

export const deltaOps: fc.Arbitrary<DeltaOp[]> = fc
	.array(
		fc.oneof<fc.Arbitrary<DeltaOp>[]>(
			fc.tuple(fc.constant("m" as const), fc.constant("assistant")),
			fc.tuple(fc.constant("t" as const), index, text),
			fc.tuple(fc.constant("h" as const), index, text),
			fc.tuple(fc.constant("c" as const), index, call, fc.constant("bash")),
			fc.tuple(fc.constant("a" as const), index, text),
			fc.constant<["e"]>(["e"]),
			fc.tuple(fc.constant("x" as const), call, fc.constant("bash"), text),
			fc.tuple(fc.constant("o" as const), call, fc.nat(12), text),
			fc.tuple(fc.constant("d" as const), call, fc.constantFrom<0 | 1>(0, 1)),
			fc.tuple(fc.constant("n" as const), text),
		),
		{ maxLength: 40 },
	)
	.map(withValidKeeps);
