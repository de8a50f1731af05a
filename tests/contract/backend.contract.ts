/** What every Backend port must do, whoever implements it. Sessions of a test have ids of its own. */
import { expect, test } from "bun:test";
import type { EntryPush } from "../../src/protocol/entry.ts";
import type { Present } from "../../src/protocol/presence.ts";
import type { Backend } from "../../src/sync/ports.ts";
import { waitFor } from "../support/wait-for.ts";

const DESCRIPTION = {
	source: "pi",
	header: null,
	projectPath: "/p",
	projectName: "p",
	machine: "here",
	startedAt: 1,
};

let count = 0;
const newId = (what: string): string => {
	count += 1;
	return `${what}-${count}-${process.pid}`;
};

function entry(id: string, parentId: string | null, text = id): EntryPush {
	const json = JSON.stringify({
		type: "message",
		id,
		parentId,
		timestamp: new Date(1000).toISOString(),
		message: { role: "user", content: text },
	});
	return { entryId: id, parentId, type: "message", timestamp: 1000, body: { kind: "inline", json } };
}

async function opened(backend: Backend): Promise<string> {
	const sessionId = newId("session");
	expect(await backend.openSession({ ...DESCRIPTION, sessionId })).toEqual({
		lastSeq: 0,
		lastEntryId: null,
		entryCount: 0,
		leafId: null,
	});
	return sessionId;
}

const rejected = (work: Promise<unknown>) => work.then(() => null).catch((error: unknown) => error);

export function backendContract(name: string, get: () => Backend): void {
	test(`${name}: opening again tells what is there`, async () => {
		const sessionId = await opened(get());
		await get().append({ sessionId, entries: [entry("a", null), entry("b", "a")] });
		expect(await get().openSession({ ...DESCRIPTION, sessionId })).toEqual({
			lastSeq: 2,
			lastEntryId: "b",
			entryCount: 2,
			leafId: null,
		});
	});

	test(`${name}: appending again adds nothing, and other content under an id is named`, async () => {
		const sessionId = await opened(get());
		const entries = [entry("a", null), entry("b", "a")];
		expect(await get().append({ sessionId, entries })).toEqual({ added: 2, lastSeq: 2, entryCount: 2 });
		expect(await get().append({ sessionId, entries })).toEqual({ added: 0, lastSeq: 2, entryCount: 2 });
		expect(await get().append({ sessionId, entries: [entry("a", null, "other"), entry("c", "b")] })).toEqual({
			added: 1,
			lastSeq: 3,
			entryCount: 3,
			conflicts: ["a"],
		});
	});

	test(`${name}: an entry without its parent is refused, as an orphan it is taken`, async () => {
		const sessionId = await opened(get());
		const failure = await rejected(get().append({ sessionId, entries: [entry("b", "gone")] }));
		expect(failure).toMatchObject({ name: "BackendError", kind: "refused", code: "parent_missing" });
		expect(
			await get().append({ sessionId, entries: [{ ...entry("b", "gone"), orphan: true }] }),
		).toMatchObject({ added: 1 });
	});

	test(`${name}: a session that was never opened is unknown`, async () => {
		const failure = await rejected(get().append({ sessionId: newId("unknown"), entries: [] }));
		expect(failure).toMatchObject({ kind: "refused", code: "session_unknown" });
	});

	test(`${name}: what is over the limits is refused for good`, async () => {
		const sessionId = await opened(get());
		const failure = await rejected(
			get().append({ sessionId, entries: [entry("a", null, "x".repeat(300_000))] }),
		);
		expect(failure).toMatchObject({ kind: "refused", code: "too_large" });
	});

	test(`${name}: missing names what is not held, also for a session that is not there`, async () => {
		const sessionId = await opened(get());
		await get().append({ sessionId, entries: [entry("a", null)] });
		expect(await get().missing(sessionId, ["a", "b"])).toEqual(["b"]);
		expect(await get().missing(newId("unknown"), ["a"])).toEqual(["a"]);
	});

	test(`${name}: a fork holds what it shares with its parent`, async () => {
		const parentSessionId = await opened(get());
		await get().append({
			sessionId: parentSessionId,
			entries: [entry("a", null), entry("b", "a"), entry("c", "b")],
		});
		const sessionId = newId("fork");
		await get().openSession({ ...DESCRIPTION, sessionId, lineage: { parentSessionId, forkEntryId: "b" } });
		expect(await get().missing(sessionId, ["a", "b", "c", "d"])).toEqual(["c", "d"]);
		expect(await get().append({ sessionId, entries: [entry("d", "b")] })).toMatchObject({
			added: 1,
			entryCount: 1,
		});
	});

	test(`${name}: a large entry goes through file storage`, async () => {
		const sessionId = await opened(get());
		const push = entry("a", null, "y".repeat(400_000));
		const json = push.body.kind === "inline" ? push.body.json : "";
		const storageId = await get().upload(json);
		const body = { kind: "stored" as const, storageId, bytes: json.length, columns: { role: "user" } };
		expect(await get().append({ sessionId, entries: [{ ...push, body }] })).toMatchObject({ added: 1 });
	});

	test(`${name}: status and leaf are taken`, async () => {
		const sessionId = await opened(get());
		await get().append({ sessionId, entries: [entry("a", null)], leafId: "a" });
		await get().updateSession({ sessionId, status: "running", leafId: null });
	});

	test(`${name}: pushes are contiguous; what does not fit is not taken, and the end is told`, async () => {
		const sessionId = await opened(get());
		const streamId = newId("stream-of-test");
		const start = { sessionId, streamId, terminalId: newId("terminal"), startedAt: 1 };
		expect(await get().pushStream({ streamId, start: 0, ops: [["e"]] })).toBe(-1);
		await get().startStream(start);
		await get().startStream(start);
		expect(
			await get().pushStream({
				streamId,
				start: 0,
				ops: [
					["m", "assistant"],
					["t", 0, "a"],
				],
			}),
		).toBe(2);
		expect(
			await get().pushStream({
				streamId,
				start: 0,
				ops: [
					["m", "assistant"],
					["t", 0, "a"],
				],
			}),
		).toBe(2);
		expect(await get().pushStream({ streamId, start: 5, ops: [["t", 0, "b"]] })).toBe(2);
		await get().append({ sessionId, entries: [], settles: { streamId, upTo: 2 } });
		expect(await get().pushStream({ streamId, start: 2, ops: [["t", 0, "b"]] })).toBe(3);
		await get().endStream(streamId);
		await get().endStream(streamId);
		expect(await get().pushStream({ streamId, start: 3, ops: [["t", 0, "c"]] })).toBe(-1);
	});

	test(`${name}: a goodbye that comes late leaves him where he is by now`, async () => {
		const [before, now] = [await opened(get()), await opened(get())];
		let present: readonly Present[] = [];
		const stop = get().onPresence(now, (list) => {
			present = list;
		});
		const clientId = newId("client-of-test");
		const beat = { clientId, kind: "terminal" as const, watching: false, label: "laptop" };
		await get().beat({ ...beat, sessionId: before });
		await get().beat({ ...beat, sessionId: now });
		await waitFor(() => present.length === 1, "being at the second session");
		await get().leave({ clientId, sessionId: before });
		await get().beat({ ...beat, clientId: newId("client-of-test"), sessionId: now });
		await waitFor(() => present.length === 2, "another one's coming");
		expect(present.some((one) => one.clientId === clientId)).toBe(true);
		stop();
	});

	test(`${name}: who beats is present, until he leaves`, async () => {
		const sessionId = await opened(get());
		let present: readonly Present[] = [];
		const stop = get().onPresence(sessionId, (list) => {
			present = list;
		});
		const clientId = newId("client-of-test");
		await get().beat({ clientId, kind: "dashboard", sessionId, watching: true, label: "page" });
		await waitFor(() => present.some((one) => one.clientId === clientId && one.watching), "being present");
		await get().leave({ clientId, sessionId });
		await waitFor(() => present.length === 0, "being gone");
		stop();
	});
}
