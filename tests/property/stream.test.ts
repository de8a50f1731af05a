/** S1: however ops are merged, cut into pushes, repeated, or read from the midst, folding gives the same view or says that there is a gap. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Delta, DeltaOp } from "../../src/protocol/stream.ts";
import { emptyView, foldOps, type LiveView, settleView } from "../../src/session/fold.ts";
import { NO_STREAM, onCurrent, onRead, onTail } from "../../src/session/stream-reader.ts";
import { cutOp, mergeOp } from "../../src/sync/delta-ops.ts";
import { deltaOps, runs } from "../support/arbitraries.ts";

function fold(ops: readonly unknown[], view: LiveView = emptyView(0), start = 0): LiveView {
	const folded = foldOps(view, start, ops);
	if (folded.kind === "gap") throw new Error(`gap: ${folded.expected} ${folded.got}`);
	return folded.view;
}

/** What a person sees: positions aside. */
const seen = (view: LiveView) => ({
	messages: view.messages.map(({ role, blocks, end }) => ({ role, blocks, done: end !== null })),
	tools: view.tools.map(({ start: _start, ...tool }) => tool),
	note: view.note,
});

const STREAM = { streamId: "s", terminalId: "t", startedAt: 1, settled: 0, settledEntryId: null };

function pushesOf(ops: readonly DeltaOp[], sizes: readonly number[]): Delta[] {
	const deltas: Delta[] = [];
	for (let start = 0, turn = 0; start < ops.length; turn += 1) {
		const part = ops.slice(start, start + (sizes[turn % sizes.length] as number));
		deltas.push({ start, end: start + part.length, ops: part });
		start += part.length;
	}
	return deltas;
}

const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });

test("folding at once and piece by piece gives the same, and leaves older views as they were", () => {
	fc.assert(
		fc.property(deltaOps, sizes, (ops, cuts) => {
			let view = emptyView(0);
			const past: [LiveView, string][] = [];
			for (const delta of pushesOf(ops, cuts)) {
				past.push([view, JSON.stringify(view)]);
				view = fold(delta.ops, view, delta.start);
			}
			expect(view).toEqual(fold(ops));
			for (const [before, text] of past) expect(JSON.stringify(before)).toBe(text);
		}),
		runs(300),
	);
});

test("merging and cutting ops changes nothing that a person sees", () => {
	fc.assert(
		fc.property(deltaOps, (ops) => {
			const merged: DeltaOp[] = [];
			for (const op of ops) mergeOp(merged, op);
			expect(seen(fold(merged.flatMap(cutOp)))).toEqual(seen(fold(ops)));
			expect(merged.length).toBeLessThanOrEqual(ops.length);
		}),
		runs(500),
	);
});

test("what was folded is skipped, a gap is said", () => {
	fc.assert(
		fc.property(deltaOps, fc.nat(40), fc.nat(40), (ops, a, b) => {
			const [upTo, from] = [Math.min(a, ops.length), Math.min(b, ops.length)];
			const view = fold(ops.slice(0, upTo));
			const folded = foldOps(view, from, ops.slice(from));
			if (from > upTo) expect(folded).toEqual({ kind: "gap", expected: upTo, got: from });
			else expect(folded).toEqual({ kind: "folded", view: fold(ops) });
		}),
		runs(300),
	);
});

test("a reader that misses any of the tails ends with the view of one that saw them all", () => {
	fc.assert(
		fc.property(
			deltaOps,
			sizes,
			fc.array(fc.boolean(), { maxLength: 40 }),
			fc.nat(40),
			(ops, cuts, misses, joined) => {
				const pushes = pushesOf(ops, cuts);
				let state = NO_STREAM;
				const answer = (upTo: number): void => {
					for (let turn = 0; state.read !== null && turn < 100; turn += 1) {
						const from = state.read;
						state = onRead(
							state,
							"s",
							from,
							pushes
								.slice(0, upTo)
								.filter((push) => push.end > from)
								.slice(0, 2),
						);
					}
				};
				for (const [index, push] of pushes.entries()) {
					if (index < Math.min(joined, pushes.length - 1)) continue;
					if (state.stream === null) state = onCurrent(state, STREAM);
					if (misses[index] && index < pushes.length - 1) continue;
					state = onTail(state, "s", [push]);
					answer(index + 1);
				}
				if (pushes.length > 0) expect(state.view).toEqual(fold(ops));
			},
		),
		runs(300),
	);
});

test("settling takes away what began before, and folding goes on as if it had begun there", () => {
	fc.assert(
		fc.property(deltaOps, deltaOps, (before, after) => {
			const first: DeltaOp[] = [...before, ["e"]];
			const settled = settleView(fold(first), first.length);
			expect(settled.messages).toEqual([]);
			expect(settled.tools).toEqual([]);
			const starts: DeltaOp[] = [["m", "assistant"], ...after.filter((op) => !["o", "d"].includes(op[0]))];
			const joined = fold(starts, emptyView(first.length), first.length);
			const followed = settleView(fold(starts, settled, first.length), first.length);
			expect(seen({ ...followed, note: null })).toEqual(seen({ ...joined, note: null }));
		}),
		runs(300),
	);
});

test("ops of unknown shape count for their position and change nothing", () => {
	const odd = [
		["z", 1],
		[],
		"x",
		null,
		["t", -1, "a"],
		["t", 1.5, "a"],
		["t", 99_999, "a"],
		["o", "c", "0", ""],
		["m"],
		["constructor"],
	];
	const view = fold([["m", "assistant"], ...odd, ["t", 0, "a"]]);
	expect(view.end).toBe(odd.length + 2);
	expect(seen(view).messages).toEqual([
		{ role: "assistant", blocks: [{ kind: "text", text: "a" }], done: false },
	]);
});
