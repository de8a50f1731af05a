/** What two terminals at one session need of the port, over real sockets: two clients on one embedded server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createConvexBackend } from "../../src/backend/convex-backend.ts";
import type { EntryPush, EntryView } from "../../src/protocol/entry.ts";
import { INLINE_PROMPT_BYTES } from "../../src/protocol/limits.ts";
import type { Place } from "../../src/protocol/presence.ts";
import type { PromptView } from "../../src/protocol/prompt.ts";
import type { QuestionView } from "../../src/protocol/question.ts";
import type { Live } from "../../src/protocol/session.ts";
import type { Delta, StreamView } from "../../src/protocol/stream.ts";
import type { TurnLock } from "../../src/protocol/turn-lock.ts";
import type { LiveBackend } from "../../src/sync/ports.ts";
import { createSetup, type Setup, type Up } from "../support/cli.ts";
import { waitFor } from "../support/wait-for.ts";

let setup: Setup;
let up: Up;
let apiKey: string;
let holder: LiveBackend;
let follower: LiveBackend;

const connect = (key: string): LiveBackend =>
	createConvexBackend({ convexUrl: up.url, siteUrl: up.siteUrl, apiKey: key });

async function makeKey(...args: string[]): Promise<string> {
	const { stdout, stderr, code } = await setup.cli("keys", "create", "--json", ...args);
	if (code !== 0) throw new Error(stderr);
	return (JSON.parse(stdout) as { key: string }).key;
}

beforeAll(async () => {
	setup = createSetup();
	up = await setup.up();
	apiKey = await makeKey();
	holder = connect(apiKey);
	follower = connect(apiKey);
}, 60_000);

afterAll(async () => {
	await holder?.close();
	await follower?.close();
	await setup?.dispose();
});

let count = 0;
async function opened(): Promise<string> {
	count += 1;
	const sessionId = `live-${count}`;
	const header = JSON.stringify({ type: "session", version: 3, id: sessionId });
	await holder.openSession({
		sessionId,
		source: "pi",
		header,
		projectPath: "/p",
		projectName: "p",
		machine: "here",
		startedAt: 1,
	});
	return sessionId;
}

function entry(id: string, parentId: string | null): EntryPush {
	const timestamp = new Date(1000).toISOString();
	const json = JSON.stringify({
		type: "message",
		id,
		parentId,
		timestamp,
		message: { role: "user", content: id },
	});
	return { entryId: id, parentId, type: "message", timestamp: 1000, body: { kind: "inline", json } };
}

const rejected = (work: Promise<unknown>) => work.then(() => null).catch((error: unknown) => error);

/** The newest value that a listener got; undefined before the first. */
function newest<T>(subscribe: (listener: (value: T) => void) => () => void) {
	let value: T | undefined;
	const stop = subscribe((next) => {
		value = next;
	});
	return {
		stop,
		until: (what: string, holds: (value: T) => boolean) =>
			waitFor(() => value !== undefined && holds(value) && { value }, what).then((found) => found.value),
	};
}

test("the lock passes from one to the other, and both see who has it", async () => {
	const sessionId = await opened();
	const lock = newest<TurnLock>((tell) => follower.onTurnLock(sessionId, tell));
	await lock.until("a free lock", (value) => value.holder === null && value.epoch === 0);
	const a = { sessionId, terminalId: "terminal-a", label: "a" };
	const b = { sessionId, terminalId: "terminal-b", label: "b" };
	expect(await holder.acquireLock(a)).toMatchObject({
		kind: "acquired",
		epoch: 1,
		lastSeq: 0,
		leafId: null,
	});
	await lock.until("a's lock", (value) => value.holder?.terminalId === "terminal-a");
	expect(await follower.acquireLock(b, 2000)).toMatchObject({ kind: "held", holder: { label: "a" } });
	const { label: _a, ...heldA } = { ...a, epoch: 1 };
	expect(await holder.renewLock(heldA)).toMatchObject({ kind: "renewed" });
	expect(await follower.takeOverLock({ ...b, epoch: 1 })).toMatchObject({ kind: "acquired", epoch: 2 });
	expect(await holder.renewLock(heldA)).toMatchObject({ kind: "lost", holder: { label: "b" } });
	const { label: _b, ...heldB } = { ...b, epoch: 2 };
	expect(await follower.releaseLock(heldB)).toEqual({ kind: "released" });
	await lock.until("a free lock again", (value) => value.holder === null && value.epoch === 2);
	lock.stop();
});

test("asking for the lock honours the asker's own deadline", async () => {
	// Every other call would wait for longer than this test may take.
	const nowhere = createConvexBackend({ convexUrl: "http://127.0.0.1:9", apiKey, deadlineMs: 600_000 });
	const lock = { sessionId: "s", terminalId: "t", label: "t" };
	expect(await rejected(nowhere.acquireLock(lock, 100))).toMatchObject({ kind: "unreachable" });
	await nowhere.close();
});

test("a follower reads the run as it goes: entries, stream, tail and where the session stands", async () => {
	const sessionId = await opened();
	await holder.append({ sessionId, entries: [entry("a", null)], leafId: "a" });
	const live = newest<Live | null>((tell) => follower.onLive(sessionId, tell));
	const entries = newest<readonly EntryView[]>((tell) =>
		follower.onEntries({ sessionId, afterSeq: 0, limit: 50 }, tell),
	);
	const stream = newest<StreamView | null>((tell) => follower.onStream(sessionId, tell));
	await stream.until("no stream", (value) => value === null);
	const streamId = `stream-of-${sessionId}`;
	await holder.startStream({ sessionId, streamId, terminalId: "t", startedAt: 7, afterEntryId: "a" });
	await stream.until("the stream", (value) => value?.settled === 0 && value.settledEntryId === "a");
	const tail = newest<readonly Delta[]>((tell) => follower.onStreamTail(streamId, tell));
	await holder.pushStream({
		streamId,
		start: 0,
		ops: [
			["m", "assistant"],
			["v", 0, '{"type":"x"}'],
		],
	});
	await holder.pushStream({ streamId, start: 2, ops: [["e"]] });
	await tail.until("the last push", (value) => value.at(-1)?.end === 3);
	expect((await follower.readStream(streamId, 0)).flatMap(({ ops }) => ops)).toEqual([
		["m", "assistant"],
		["v", 0, '{"type":"x"}'],
		["e"],
	]);
	await holder.append({
		sessionId,
		entries: [entry("b", "a")],
		leafId: "b",
		settles: { streamId, upTo: 3, entryId: "b" },
	});
	await stream.until("being settled", (value) => value?.settled === 3 && value.settledEntryId === "b");
	const both = await entries.until("both entries", (value) => value.length === 2);
	expect(both.map((one) => `${one.seq} ${one.entryId}`)).toEqual(["1 a", "2 b"]);
	expect(await follower.entryJson(both[0] as EntryView)).toContain('"id":"a"');
	await live.until("the new leaf", (value) => value?.leafId === "b" && value.lastSeq === 2);
	await holder.endStream(streamId);
	await stream.until("the end", (value) => value === null);
	for (const one of [live, entries, stream, tail]) one.stop();
});

test("a session is read whole: header, view, pages, and what is stored apart", async () => {
	const sessionId = await opened();
	const stored = entry("a", null);
	const json = JSON.stringify({ type: "custom", id: "a", parentId: null, data: "ü".repeat(200_000) });
	const body = {
		kind: "stored" as const,
		storageId: await holder.upload(json),
		bytes: Buffer.byteLength(json),
		columns: {},
	};
	await holder.append({ sessionId, entries: [{ ...stored, body }, entry("b", "a")] });
	expect(await follower.header(sessionId)).toContain(sessionId);
	expect(await follower.session(sessionId)).toMatchObject({ sessionId, entryCount: 2 });
	expect(await follower.session("nowhere")).toBeNull();
	const first = await follower.entriesPage(sessionId, null, 1);
	const second = await follower.entriesPage(sessionId, first.cursor, 1);
	expect([...first.entries, ...second.entries].map((one) => one.entryId)).toEqual(["b", "a"]);
	expect(await follower.entryJson(second.entries[0] as EntryView)).toBe(json);
	expect(await rejected(follower.entryJson({ json: null, url: null }))).toMatchObject({ kind: "refused" });
	expect(await rejected(follower.entryJson({ json: null, url: `${up.siteUrl}/no-such-file` }))).toMatchObject(
		{ name: "BackendError", kind: "refused" },
	);
	expect(await rejected(follower.entryJson({ json: null, url: "http://127.0.0.1:9/x" }))).toMatchObject({
		kind: "unreachable",
	});
	const list = await follower.attachable(5);
	expect(list[0]).toMatchObject({ session: { sessionId }, holder: null, terminals: 0 });
});

test("a prompt goes from its author to the holder and back, large ones through a file", async () => {
	const sessionId = await opened();
	const seen = newest<readonly PromptView[]>((tell) => follower.onPrompts(sessionId, tell));
	const json = JSON.stringify({ text: "x".repeat(INLINE_PROMPT_BYTES) });
	const author = { sessionId, terminalId: "author", kind: "prompt" as const };
	const [small, large] = [`small-of-${sessionId}`, `large-of-${sessionId}`];
	const inline = { kind: "inline" as const, json: '{"text":"hi"}' };
	expect(await follower.sendPrompt({ ...author, promptId: small, body: inline })).toBe("queued");
	const stored = {
		kind: "stored" as const,
		storageId: await follower.upload(json),
		bytes: json.length,
	};
	expect(await follower.sendPrompt({ ...author, promptId: large, body: stored })).toBe("queued");
	const queued = await seen.until("both", (value) => value.length === 2);
	expect(await holder.entryJson(queued[0] as PromptView)).toBe('{"text":"hi"}');
	expect(await holder.entryJson(queued[1] as PromptView)).toBe(json);
	const early = { promptId: small, terminalId: "t", epoch: 1 };
	expect(await rejected(holder.acceptPrompt(early))).toMatchObject({ kind: "refused", code: "stale_epoch" });
	await holder.acquireLock({ sessionId, terminalId: "t", label: "t" });
	expect(await holder.acceptPrompt(early)).toEqual({ kind: "accepted" });
	await holder.advancePrompt({ promptId: small, terminalId: "t", state: "started" });
	expect(await follower.withdrawPrompt(small)).toBe("started");
	expect(await follower.withdrawPrompt(large)).toBe("withdrawn");
	await holder.advancePrompt({ promptId: small, terminalId: "t", state: "done" });
	const ended = await seen.until("both ended", (value) => value[0]?.state === "done");
	expect(ended.map(({ state, json: text, url }) => `${state} ${text} ${url}`)).toEqual([
		"done null null",
		"withdrawn null null",
	]);
	expect(await rejected(holder.entryJson(queued[1] as PromptView))).toMatchObject({ kind: "refused" });
	seen.stop();
});

test("a question is answered from elsewhere, first come first served, and closed by its asker", async () => {
	const sessionId = await opened();
	const seen = newest<readonly QuestionView[]>((tell) => follower.onQuestions(sessionId, tell));
	const questionId = `question-of-${sessionId}`;
	await holder.ask({
		sessionId,
		questionId,
		terminalId: "t",
		kind: "select",
		title: "Which?",
		options: ["a", "b"],
	});
	await seen.until("the question", (value) => value[0]?.options?.length === 2);
	expect(await follower.answer({ questionId, terminalId: "f", value: "b" })).toEqual({ kind: "first" });
	expect(await holder.answer({ questionId, terminalId: "t", value: "a" })).toEqual({ kind: "late" });
	await seen.until("the answer", (value) => value[0]?.answer?.value === "b");
	await holder.closeQuestion(questionId);
	await seen.until("no question", (value) => value.length === 0);
	seen.stop();
});

test("a follower sees where the holder goes, and that it is gone", async () => {
	const [one, two] = [await opened(), await opened()];
	const place = newest<Place | null>((tell) => follower.onPlace("terminal-moving", tell));
	const beat = { clientId: "terminal-moving", kind: "terminal" as const, watching: false, label: "laptop" };
	await place.until("nobody", (value) => value === null);
	await holder.beat({ ...beat, sessionId: one });
	await place.until("the first session", (value) => value?.session?.sessionId === one);
	await holder.beat({ ...beat, sessionId: two });
	await place.until("the second session", (value) => value?.session?.sessionId === two);
	await holder.beat({ ...beat, sessionId: "unknown-yet" });
	await place.until("no known session", (value) => value?.sessionId === "unknown-yet" && !value.session);
	await holder.leave({ clientId: "terminal-moving" });
	await place.until("its going", (value) => value === null);
	place.stop();
});

test("what a key may do is told, and a query that it may not ask tells nothing", async () => {
	const sessionId = await opened();
	expect((await holder.scopes()).toSorted()).toEqual(["control", "read", "write"]);
	const reader = connect(await makeKey("--scopes", "read"));
	expect(await reader.scopes()).toEqual(["read"]);
	expect(await rejected(reader.acquireLock({ sessionId, terminalId: "r", label: "r" }))).toMatchObject({
		kind: "signedOut",
		code: "scope_missing",
	});
	await newest<TurnLock>((tell) => reader.onTurnLock(sessionId, tell)).until("the lock", () => true);
	await reader.close();
	const writer = connect(await makeKey("--scopes", "write"));
	let told = 0;
	writer.onTurnLock(sessionId, () => {
		told += 1;
	});
	expect(await writer.scopes()).toEqual(["write"]);
	// Answers come in order: by this one's, the subscription has had its own.
	await writer.updateSession({ sessionId, status: "idle" });
	expect(await rejected(writer.session(sessionId))).toMatchObject({ code: "scope_missing" });
	expect(told).toBe(0);
	await writer.close();
});

test("subscriptions come back by themselves after a cut, and a listener that throws harms no other", async () => {
	const sessionId = await opened();
	const own = connect(apiKey);
	own.onLive(sessionId, () => {
		throw new Error("a listener's bug");
	});
	const live = newest<Live | null>((tell) => own.onLive(sessionId, tell));
	const lock = newest<TurnLock>((tell) => own.onTurnLock(sessionId, tell));
	await live.until("being live", (value) => value?.lastSeq === 0);
	await up.stop("SIGKILL");
	await waitFor(() => own.connection().kind === "offline", "being offline");
	up = await setup.up({ port: up.port, sitePort: up.sitePort });
	await holder.append({ sessionId, entries: [entry("a", null)] }).catch(() => null);
	await waitFor(
		async () => (await holder.session(sessionId))?.lastSeq === 1 || retry(sessionId),
		"the entry",
	);
	await live.until("the entry", (value) => value?.lastSeq === 1);
	await holder.acquireLock({ sessionId, terminalId: "t", label: "t" });
	await lock.until("the lock", (value) => value.holder?.terminalId === "t");
	await own.close();
}, 60_000);

async function retry(sessionId: string): Promise<false> {
	await holder.append({ sessionId, entries: [entry("a", null)] });
	return false;
}
