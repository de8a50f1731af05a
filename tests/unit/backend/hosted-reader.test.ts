import { expect, test } from "bun:test";
import { createHostedReader, HostedError } from "../../../src/backend/hosted-reader.ts";
import type { Clock } from "../../../src/lib/clock.ts";

type Answer = { status?: number; body?: unknown; text?: string; headers?: Record<string, string> } | "away";

/** Answers by path and query; waits are over at once and kept. */
function reader(answer: (path: string, call: number) => Answer) {
	const asked: string[] = [];
	const waits: number[] = [];
	const clock: Clock = {
		now: () => 0,
		after(ms, run) {
			waits.push(ms);
			queueMicrotask(run);
			return () => {};
		},
	};
	const fetch = async (url: string): Promise<Response> => {
		const path = url.replace("https://hosted.example", "");
		const given = answer(path, asked.push(path));
		if (given === "away") throw new TypeError("fetch failed");
		const { status = 200, body, text, headers } = given;
		return new Response(text ?? JSON.stringify(body), { status, headers });
	};
	const made = createHostedReader({
		siteUrl: "https://hosted.example",
		apiKey: "osk_key",
		version: "0",
		fetch,
		clock,
	});
	return { reader: made, asked, waits };
}

const row = (at: number) => ({ id: `k${at}`, externalId: `s${at}`, updatedAt: at });
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => row(from + at));
const ids = (count: number) => ({ sessionIds: rows(0, count).map(({ externalId }) => externalId) });

test("a list without cursors is asked for more until it gives no more", async () => {
	const { reader: made, asked } = reader((path) => {
		const limit = Number(new URL(path, "https://x").searchParams.get("limit"));
		return path.startsWith("/sync")
			? { body: ids(2500) }
			: { body: { sessions: rows(0, Math.min(limit, 2500)) } };
	});
	const { sessions, lacking } = await made.list();
	expect([sessions.length, lacking]).toEqual([2500, 0]);
	expect(asked).toHaveLength(4);
});

test("a list that ends before all that there are says how many it lacks", async () => {
	const { reader: made } = reader((path) =>
		path.startsWith("/sync") ? { body: ids(1200) } : { body: { sessions: rows(0, 1000) } },
	);
	expect((await made.list()).lacking).toBe(200);
});

test("a list that fails when it is longer gives what came before", async () => {
	const { reader: made } = reader((path) => {
		if (path.startsWith("/sync")) return { body: ids(3000) };
		return path.includes("limit=1000")
			? { body: { sessions: rows(0, 1000) } }
			: { status: 500, body: { error: "x" } };
	});
	expect(await made.list()).toMatchObject({ lacking: 2000 });
});

test("cursors are followed, of the list and of a session's messages", async () => {
	const { reader: made } = reader((path) => {
		if (path.startsWith("/sync")) return { body: ids(5) };
		if (path === "/api/sessions?limit=1000") return { body: { sessions: rows(0, 3), nextCursor: "a b" } };
		if (path === "/api/sessions?limit=1000&cursor=a%20b") return { body: { sessions: rows(2, 5) } };
		if (path === "/api/sessions/get?id=k1")
			return { body: { session: row(1), messages: [{ n: 1 }], nextCursor: "c" } };
		// A cursor that leads to itself ends.
		return { body: { session: row(1), messages: [{ n: 2 }], nextCursor: "c" } };
	});
	expect((await made.list()).sessions.map(({ id }) => id)).toEqual(["k0", "k1", "k2", "k3", "k4"]);
	expect((await made.read("k1")).messages).toEqual([{ n: 1 }, { n: 2 }]);
});

test("what fails in passing is asked again, and not before the time that the answer names", async () => {
	const { reader: made, waits } = reader((_path, call) => {
		if (call === 1) return "away";
		if (call === 2) return { status: 503, body: { error: "Server Error" } };
		if (call === 3) return { status: 429, body: { error: "Slow down" }, headers: { "Retry-After": "7" } };
		return call === 4 ? { text: "<html>" } : { body: { session: row(1), messages: [] } };
	});
	expect(await made.read("k1")).toEqual({ session: row(1), messages: [] });
	expect(waits).toEqual([250, 500, 7000, 2000]);
});

test("a key that is not taken and a place that is not OpenSync end it; a session that is refused does not", async () => {
	const failure = async (answer: Answer): Promise<HostedError> =>
		(await reader(() => answer)
			.reader.read("k1")
			.catch((error: unknown) => error)) as HostedError;
	const fatal = async (answer: Answer) => {
		const error = await failure(answer);
		expect(error).toBeInstanceOf(HostedError);
		return error.fatal;
	};
	expect(await fatal({ status: 401, body: { error: "Invalid API key" } })).toBe(true);
	expect(await fatal({ status: 404, text: "No matching routes found" })).toBe(true);
	expect(await fatal({ status: 302, text: "" })).toBe(true);
	expect(await fatal({ body: { something: "else" } })).toBe(true);
	expect(await fatal({ status: 404, body: { error: "Session not found" } })).toBe(false);
	expect(await fatal({ status: 500, body: { error: "Too many reads" } })).toBe(false);
	expect((await failure({ status: 400, body: { error: "bad \u001b[31mid" } })).message).toBe(
		"hosted.example answered with status 400: bad id.",
	);
});

test("a server that answers nothing at all counts as gone after three requests", async () => {
	const { reader: made } = reader(() => "away");
	const fatal = async () => ((await made.read("k").catch((error: unknown) => error)) as HostedError).fatal;
	expect([await fatal(), await fatal(), await fatal()]).toEqual([false, false, true]);
});
