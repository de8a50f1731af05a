/** The sync protocol frame by frame: versions, order of frames, and what is refused. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
	add,
	connect,
	type Frame,
	modify,
	mutate,
	ns,
	openRawSocket,
	type RawSocket,
	remove,
	type TransitionFrame,
} from "./raw-socket.ts";
import { mutation, query, type RunningApp, startApp } from "./running-app.ts";

let app: RunningApp;
const open: RawSocket[] = [];
beforeAll(async () => {
	app = await startApp();
});
afterEach(() => {
	for (const socket of open.splice(0)) socket.close();
});
afterAll(async () => {
	await app.close();
});

async function connected(more: Record<string, unknown> = {}): Promise<RawSocket> {
	const socket = await openRawSocket(app.url);
	open.push(socket);
	socket.send(connect(more));
	return socket;
}

const transition = async (socket: RawSocket) => (await socket.nextOf("Transition")) as TransitionFrame;
const send = (room: string, text: string) => app.http().mutation(mutation("notes:send"), { room, text });

/** Every message that must end the connection for good. */
async function fatalAfter(socket: RawSocket, message: unknown): Promise<string> {
	socket.send(message);
	const { error } = await socket.nextOf("FatalError");
	await socket.closed;
	return String(error);
}

test("The first transition starts at zero and ends at the version of the query set that was sent", async () => {
	const socket = await connected();
	socket.send(modify(0, []));
	const { startVersion, endVersion, modifications } = await transition(socket);
	expect(startVersion).toEqual({ querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" });
	expect(endVersion.querySet).toBe(1);
	expect(endVersion.identity).toBe(0);
	expect(ns(endVersion.ts)).toBeGreaterThan(0n);
	expect(modifications).toEqual([]);
});

test("Each transition starts where the last one ended, and time never runs back", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(0, "notes:list", { room: "chain" })]));
	let last = (await transition(socket)).endVersion;
	for (let n = 1; n <= 10; n++) {
		if (n % 2) await send("chain", String(n));
		else socket.send(modify(n / 2, [add(n, "notes:counter", { name: String(n) })]));
		const { startVersion, endVersion } = await transition(socket);
		expect(startVersion).toEqual(last);
		expect(ns(endVersion.ts)).toBeGreaterThanOrEqual(ns(last.ts));
		last = endVersion;
	}
	expect(last.querySet).toBe(6);
});

test("A query that is removed is reported so; added and removed in one message it has no result", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(3, "notes:list", { room: "r" }), add(1, "notes:list", { room: "s" })]));
	expect((await transition(socket)).modifications.map(({ type, queryId }) => [type, queryId])).toEqual([
		["QueryUpdated", 1],
		["QueryUpdated", 3],
	]);
	socket.send(modify(1, [remove(1), add(7, "notes:list", { room: "t" }), remove(7)]));
	const { modifications, endVersion } = await transition(socket);
	expect(modifications).toEqual([
		{ type: "QueryRemoved", queryId: 1 },
		{ type: "QueryRemoved", queryId: 7 },
	]);
	expect(endVersion.querySet).toBe(2);
});

test("A mutation's response comes before the transition that covers it", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(0, "notes:counter", { name: "covered" })]));
	await transition(socket);
	for (let n = 0; n < 30; n++) socket.send(mutate(n, "notes:count", { name: "covered" }));
	const answered = new Map<number, bigint>();
	let shown = 0;
	while (shown < 30) {
		const frame = (await socket.next()) as Frame;
		if (frame.type === "MutationResponse") {
			expect(frame.success).toBe(true);
			answered.set(frame.requestId as number, ns(frame.ts));
		} else if (frame.type === "Transition") {
			const { endVersion, modifications } = frame as TransitionFrame;
			const covered = [...answered.values()].filter((ts) => ts <= ns(endVersion.ts)).length;
			shown = Number(modifications[0]?.value ?? shown);
			expect(shown).toBeLessThanOrEqual(covered);
		}
	}
	expect([...answered.keys()]).toEqual(Array.from({ length: 30 }, (_, n) => n));
});

test("A mutation that changes no subscribed query is covered by an empty transition", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(0, "notes:list", { room: "still" })]));
	await transition(socket);
	socket.send(mutate(0, "notes:send", { room: "elsewhere", text: "x" }));
	const response = await socket.nextOf("MutationResponse");
	const { modifications, endVersion } = await transition(socket);
	expect(modifications).toEqual([]);
	expect(ns(endVersion.ts)).toBeGreaterThanOrEqual(ns(response.ts));
});

test("A mutation sent again has the first answer, runs once, and is followed by a transition", async () => {
	const sessionId = crypto.randomUUID();
	const first = await connected({ sessionId });
	first.send(mutate(4, "notes:count", { name: "twice" }));
	const answer = await first.nextOf("MutationResponse");
	first.close();
	const second = await connected({ sessionId, connectionCount: 1 });
	second.send(modify(0, [add(0, "notes:counter", { name: "twice" })]));
	expect((await transition(second)).modifications[0]?.value).toBe(1);
	second.send(mutate(4, "notes:count", { name: "twice" }));
	expect(await second.nextOf("MutationResponse")).toEqual(answer);
	const { endVersion, modifications } = await transition(second);
	expect(ns(endVersion.ts)).toBeGreaterThanOrEqual(ns(answer.ts));
	expect(modifications).toEqual([]);
	expect(await app.http().query(query("notes:counter"), { name: "twice" })).toBe(1);
});

test("A mutation that fails has no timestamp and no transition of its own", async () => {
	const socket = await connected();
	socket.send(modify(0, []));
	await transition(socket);
	socket.send(mutate(0, "notes:fail", { room: "f", how: "convex" }));
	const failed = await socket.nextOf("MutationResponse");
	expect(failed.success).toBe(false);
	expect(failed.ts).toBeNull();
	expect(failed.errorData).toEqual({ code: "full", left: { $integer: "AwAAAAAAAAA=" } });
	socket.send(modify(1, []));
	expect((await transition(socket)).endVersion.querySet).toBe(2);
	expect(socket.frames).toEqual([]);
});

test("An action's response has no timestamp", async () => {
	const socket = await connected();
	socket.send({ type: "Action", requestId: 9, udfPath: "people:asAction", args: [{}] });
	const response = await socket.nextOf("ActionResponse");
	expect(response).toMatchObject({ requestId: 9, success: true, result: null, logLines: [] });
	expect("ts" in response).toBe(false);
});

test("A path may carry .js, and a missing function name means default", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(0, "notes.js:list", { room: "js" }), add(1, "notes", {})]));
	const { modifications } = await transition(socket);
	expect(modifications[0]).toMatchObject({ type: "QueryUpdated", value: [] });
	expect(modifications[1]).toMatchObject({ type: "QueryFailed" });
	expect(String(modifications[1]?.errorMessage)).toContain("Could not find public function for 'notes");
});

test("Signing out changes the identity's version even when no query is subscribed", async () => {
	const socket = await connected();
	socket.send({ type: "Authenticate", tokenType: "None", baseVersion: 0 });
	const { startVersion, endVersion } = await transition(socket);
	expect([startVersion.identity, endVersion.identity]).toEqual([0, 1]);
});

test("The admin key signs in on the socket, and may act as a user", async () => {
	const socket = await connected();
	const impersonating = { issuer: "i", subject: "s", tokenIdentifier: "i|s" };
	socket.send({
		type: "Authenticate",
		tokenType: "Admin",
		value: "server-app|0123456789abcdef",
		baseVersion: 0,
		impersonating,
	});
	socket.send(modify(0, [add(0, "people:me", {}), add(1, "notes:secret", {})]));
	const values = new Map<number, unknown>();
	while (values.size < 2) {
		for (const { queryId, value } of (await transition(socket)).modifications) values.set(queryId, value);
	}
	expect(values.get(0)).toMatchObject({ subject: "s" });
	expect(values.get(1)).toBe("for the house");
});

test("A wrong admin key is an AuthError and ends the connection", async () => {
	const socket = await connected();
	socket.send({ type: "Authenticate", tokenType: "Admin", value: "server-app|wrong", baseVersion: 0 });
	expect(await socket.nextOf("AuthError")).toMatchObject({ baseVersion: 0, authUpdateAttempted: true });
	await socket.closed;
});

test("A client that has seen a later time than ours is sent away, without a fatal error", async () => {
	const later = Buffer.alloc(8);
	later.writeBigUInt64LE(BigInt(Date.now() + 3_600_000) * 1_000_000n);
	const socket = await connected({ maxObservedTimestamp: later.toString("base64") });
	const { reason } = await socket.closed;
	expect(reason).toStartWith("InternalServerError");
	expect(socket.frames).toEqual([]);
});

test("A long transition comes in parts that join to one", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(0, "notes:big", { room: "long", kib: 6_000 })]));
	const parts: Frame[] = [];
	do parts.push(await socket.nextOf("TransitionChunk"));
	while (parts.length < (parts[0]?.totalParts as number));
	expect(parts.map(({ partNumber }) => partNumber)).toEqual(parts.map((_, n) => n));
	expect(new Set(parts.map(({ transitionId }) => transitionId)).size).toBe(1);
	const whole = JSON.parse(parts.map(({ chunk }) => chunk).join("")) as TransitionFrame;
	expect(whole.type).toBe("Transition");
	expect(whole.endVersion.querySet).toBe(1);
});

test("Both forms of the socket's address answer, others do not", async () => {
	for (const path of ["/api/sync", "/api/1.48.0/sync"]) {
		const socket = await openRawSocket(app.url, { path });
		socket.send(connect());
		socket.send(modify(0, []));
		await socket.nextOf("Transition");
		socket.close();
	}
	await expect(openRawSocket(app.url, { path: "/api/other" })).rejects.toThrow();
	await expect(openRawSocket(app.siteUrl)).rejects.toThrow();
});

const REFUSED: [string, unknown[], RegExp][] = [
	["text that is no JSON", ["{not json"], /JSON/],
	["JSON that is no object", ["[1,2]"], /object/],
	["an unknown type", [{ type: "Hello" }], /unknown type/],
	["a query set before Connect", [modify(0, [])], /Connect/],
	["Connect twice", [connect(), connect()], /twice/],
	["a base version that is not ours", [connect(), modify(3, [])], /base version/],
	["a version that does not rise", [connect(), { ...modify(0, []), newVersion: 0 }], /raise/],
	["a query id twice", [connect(), modify(0, [add(0, "a:b", {}), add(0, "a:b", {})])], /Duplicate/],
	["the removal of a query that is not there", [connect(), modify(0, [remove(5)])], /Nonexistent/],
	[
		"Authenticate from another base version",
		[connect(), { type: "Authenticate", tokenType: "None", baseVersion: 2 }],
		/base version/,
	],
	[
		"an unknown kind of token",
		[connect(), { type: "Authenticate", tokenType: "Odd", baseVersion: 0 }],
		/tokenType/,
	],
	["a negative query id", [connect(), modify(0, [add(-1, "a:b", {})])], /queryId/],
	["args that are no array", [connect(), { ...mutate(0, "a:b", {}), args: {} }], /args/],
	[
		"a path that is no string",
		[connect(), { type: "Mutation", requestId: 0, udfPath: 7, args: [{}] }],
		/udfPath/,
	],
	["a component's function", [connect(), { ...mutate(0, "a:b", {}), componentPath: "x" }], /[Cc]omponent/],
	["a timestamp that is none", [connect({ maxObservedTimestamp: "soon" })], /maxObservedTimestamp/],
];
for (const [what, messages, says] of REFUSED) {
	test(`A fatal error answers ${what}`, async () => {
		const socket = await openRawSocket(app.url);
		open.push(socket);
		for (const message of messages.slice(0, -1)) socket.send(message);
		expect(await fatalAfter(socket, messages.at(-1))).toMatch(says);
	});
}

test("Binary frames are refused, and a frame above the limit ends only its own connection", async () => {
	const socket = await connected();
	socket.ws.send(new Uint8Array([1, 2, 3]));
	await socket.nextOf("FatalError");
	const huge = await connected();
	huge.send(`"${"x".repeat(33 * 1024 * 1024)}"`);
	await huge.closed;
	expect(await send("alive", "yes")).toBeString();
});

test("A client that leaves in the middle of its work leaves nothing behind", async () => {
	const socket = await connected();
	socket.send(modify(0, [add(0, "notes:list", { room: "gone" })]));
	for (let n = 0; n < 20; n++) socket.send(mutate(n, "notes:send", { room: "gone", text: String(n) }));
	socket.close();
	await socket.closed;
	expect(await send("gone", "after")).toBeString();
	expect(app.logged.filter((line) => /failed:/.test(line))).toEqual([]);
});
