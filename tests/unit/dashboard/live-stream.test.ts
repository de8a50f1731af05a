import { expect, test } from "bun:test";
import { LiveStream, type StreamClient } from "../../../src/dashboard/features/transcript/live-stream.ts";
import type { Delta, StreamView } from "../../../src/protocol/stream.ts";

/** A backend's stream as the page's client shows it. */
function fakeBackend() {
	const all: Delta[] = [];
	let tail: Delta[] | undefined;
	let listener: (() => void) | null = null;
	const reads: number[] = [];
	let fails = 0;
	const client = {
		watchQuery: () => ({
			localQueryResult: () => tail,
			onUpdate: (changed: () => void) => {
				listener = changed;
				return () => {
					listener = null;
				};
			},
		}),
		query: async (_read: unknown, { start }: { start: number }) => {
			reads.push(start);
			if (fails-- > 0) throw new Error("cut off");
			return all.filter((delta) => delta.end > start);
		},
	} as unknown as StreamClient;
	return {
		client,
		reads,
		isWatched: () => listener !== null,
		failNext: () => {
			fails = 1;
		},
		/** `seen` false: the page is not told of this push. */
		push(ops: unknown[], seen = true) {
			const start = all.at(-1)?.end ?? 0;
			all.push({ start, end: start + ops.length, ops });
			if (!seen) return;
			tail = all.slice(-2);
			listener?.();
		},
	};
}

const stream = (settled: number): StreamView => ({
	streamId: "st",
	terminalId: "t",
	startedAt: 0,
	settled,
	settledEntryId: null,
});
const textOf = (live: LiveStream) =>
	live
		.snapshot()
		.view.messages.flatMap((message) =>
			message.blocks.map((block) => (block?.kind === "text" ? block.text : "")),
		);

async function until(live: LiveStream, isDone: () => boolean): Promise<void> {
	while (!isDone()) {
		await new Promise<void>((resolve) => {
			const stop = live.subscribe(() => {
				stop();
				resolve();
			});
		});
	}
}

test("pushes grow the answer word by word", async () => {
	const backend = fakeBackend();
	const live = new LiveStream(backend.client);
	live.setCurrent(stream(0));
	backend.push([
		["m", "assistant"],
		["t", 0, "Hel"],
	]);
	await until(live, () => textOf(live)[0] === "Hel");
	backend.push([["t", 0, "lo"]]);
	await until(live, () => textOf(live)[0] === "Hello");
	live.close();
});

test("a page that comes in the midst reads what was said before", async () => {
	const backend = fakeBackend();
	backend.push(
		[
			["m", "assistant"],
			["t", 0, "a"],
		],
		false,
	);
	for (const word of ["b", "c", "d"]) backend.push([["t", 0, word]], false);
	backend.push([["t", 0, "e"]]);
	const live = new LiveStream(backend.client);
	live.setCurrent(stream(0));
	await until(live, () => textOf(live)[0] === "abcde");
	expect(backend.reads).toEqual([0]);
	live.close();
});

test("pushes that were missed are read, also when the first try fails", async () => {
	const backend = fakeBackend();
	const live = new LiveStream(backend.client);
	live.setCurrent(stream(0));
	backend.push([
		["m", "assistant"],
		["t", 0, "a"],
	]);
	await until(live, () => textOf(live)[0] === "a");
	backend.failNext();
	for (const word of ["b", "c", "d"]) backend.push([["t", 0, word]], false);
	backend.push([["t", 0, "e"]]);
	await until(live, () => textOf(live)[0] === "abcde");
	live.close();
});

test("what is settled goes, and with the stream all of it", async () => {
	const backend = fakeBackend();
	const live = new LiveStream(backend.client);
	live.setCurrent(stream(0));
	backend.push([
		["m", "assistant"],
		["t", 0, "one"],
		["e"],
		["x", "call", "bash", "{}"],
		["o", "call", 0, "out"],
	]);
	await until(live, () => live.tool("call")?.output === "out");
	live.setCurrent(stream(3));
	expect(textOf(live)).toEqual([]);
	expect(live.tool("call")?.output).toBe("out");
	live.setCurrent(null);
	expect(live.tool("call")).toBeNull();
	expect(backend.isWatched()).toBe(false);
});
