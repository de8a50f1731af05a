/** Seeded garbage over real sockets: never a crash, never a 500, and the next client is served as before. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect as connectTcp } from "node:net";
import fc from "fast-check";
import { connect, modify, openRawSocket } from "../contract/server/raw-socket.ts";
import { mutation, query, type RunningApp, startApp } from "../contract/server/running-app.ts";

const SEED = 20260801;
let app: RunningApp;
beforeAll(async () => {
	app = await startApp();
});
afterAll(async () => {
	await app.close();
});

const FUNCTIONS = [
	"notes:list",
	"notes:send",
	"notes:page",
	"notes:missing",
	"notes:secret",
	"people:me",
	"a",
	"",
	":",
	"a:b:c",
	"__proto__:x",
	"constructor",
];
const path = fc.oneof(fc.constantFrom(...FUNCTIONS), fc.string());
const args = fc.oneof(
	fc.constant({}),
	fc.record({ room: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()) }),
	fc.record({
		room: fc.string(),
		text: fc.oneof(
			fc.string(),
			fc.constantFrom({ $integer: "x" }, { $bytes: 1 }, { $float: "" }, { $undefined: null }),
		),
	}),
	fc.record({
		room: fc.constant("r"),
		paginationOpts: fc.record({
			numItems: fc.oneof(fc.integer(), fc.double()),
			cursor: fc.oneof(fc.string(), fc.constant(null)),
		}),
	}),
	fc.jsonValue(),
);
const small = fc.oneof(fc.nat(3), fc.constantFrom(-1, 1.5, 2 ** 32, "0", null));

const frame = fc.oneof(
	fc.record({
		type: fc.constant("ModifyQuerySet"),
		baseVersion: small,
		newVersion: small,
		modifications: fc.array(
			fc.oneof(
				fc.record({
					type: fc.constant("Add"),
					queryId: small,
					udfPath: path,
					args: fc.array(args, { maxLength: 2 }),
					journal: fc.oneof(fc.string(), fc.constant(null)),
				}),
				fc.record({ type: fc.constant("Remove"), queryId: small }),
			),
			{ maxLength: 3 },
		),
	}),
	fc.record({
		type: fc.constantFrom("Mutation", "Action"),
		requestId: small,
		udfPath: path,
		args: fc.array(args, { maxLength: 2 }),
	}),
	fc.record({
		type: fc.constant("Authenticate"),
		tokenType: fc.constantFrom("User", "Admin", "None", "x"),
		baseVersion: small,
		value: fc.string(),
	}),
	fc.record({ type: fc.constant("Event"), eventType: fc.string(), event: fc.jsonValue() }),
	fc.constant(connect()),
	fc.jsonValue(),
);

async function stillWell(): Promise<void> {
	expect(await app.http().mutation(mutation("notes:send"), { room: "well", text: "x" })).toBeString();
	const socket = await openRawSocket(app.url);
	socket.send(connect());
	socket.send(modify(0, []));
	await socket.nextOf("Transition");
	socket.close();
	expect(app.logged.filter((line) => /failed:/.test(line))).toEqual([]);
}

test("Any frames on a sync socket end in answers or a fatal error", async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
			const socket = await openRawSocket(app.url);
			socket.send(connect());
			for (const one of frames) socket.send(one);
			// Nonsense at the end, so that every run ends with a close.
			socket.send("{");
			const { code } = await socket.closed;
			expect(code).toBe(1000);
			for (const { type } of socket.frames)
				expect([
					"Transition",
					"MutationResponse",
					"ActionResponse",
					"FatalError",
					"AuthError",
					"Ping",
				]).toContain(type);
		}),
		{ seed: SEED, numRuns: 150 },
	);
	await stillWell();
}, 20_000);

const ROUTES = [
	"/api/query",
	"/api/mutation",
	"/api/action",
	"/api/function",
	"/api/query_ts",
	"/api/query_at_ts",
	"/api/query_batch",
	"/api/run/notes/list",
	"/api/run/",
	"/api/storage/upload",
	"/api/storage/x",
	"/http/hello",
	"/http/notes",
	"/http",
	"/echo",
	"/version",
	"/api/sync",
	"/api/1.48.0/sync",
];
const body = fc.oneof(
	fc
		.record(
			{
				path,
				args: fc.oneof(args, fc.array(args, { maxLength: 2 })),
				format: fc.oneof(
					fc.constantFrom("json", "convex_encoded_json", "export_json", "x", null),
					fc.jsonValue(),
				),
				ts: fc.string(),
			},
			{ requiredKeys: [] },
		)
		.map((value) => JSON.stringify(value)),
	fc.json(),
	fc.string(),
	fc
		.record({ queries: fc.array(fc.oneof(fc.record({ path, args }), fc.jsonValue()), { maxLength: 3 }) })
		.map((value) => JSON.stringify(value)),
);

test("Any body on any route is answered, and never with 500", async () => {
	const authorization = fc.oneof(
		fc.constant(null),
		fc.constantFrom("Bearer x", "Bearer a.b.c", "Convex x", "Convex ", "Convex a:e30="),
		fc.string({ unit: "grapheme-ascii" }).map((text) => text.trim()),
	);
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...ROUTES),
			fc.constantFrom("POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"),
			body,
			authorization,
			async (route, method, text, auth) => {
				const bodiless = method === "GET" || method === "HEAD";
				const headers: Record<string, string> = { "Content-Type": "application/json" };
				if (auth) headers.Authorization = auth;
				const reply = await fetch(`${app.url}${route}`, {
					method,
					headers,
					...(bodiless ? {} : { body: text }),
				});
				const answer = await reply.text();
				// The app's own handler throws when its body is no JSON: that is its 500, not the server's.
				if (!route.startsWith("/http/notes")) expect([reply.status < 500, answer]).toEqual([true, answer]);
				expect(answer).not.toMatch(/node_modules|src\/server|at .*\.ts:\d+:\d+\)?$/);
			},
		),
		{ seed: SEED, numRuns: 300 },
	);
	await stillWell();
}, 20_000);

test("Any bytes as a request leave the server well", async () => {
	const line = fc.oneof(
		fc.string({ unit: "binary", maxLength: 200 }),
		fc
			.tuple(
				fc.constantFrom("GET", "POST", "BREW", ""),
				fc.webPath(),
				fc.constantFrom("HTTP/1.1", "HTTP/1.0", "HTTP/3", ""),
			)
			.map((parts) => `${parts.join(" ")}\r\nHost: localhost\r\n`),
		fc
			.string({ maxLength: 60 })
			.map((text) => `GET /${text} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
		fc
			.string({ unit: "binary", maxLength: 60 })
			.map(
				(text) =>
					`GET /api/sync HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${text}\r\n\r\n`,
			),
	);
	await fc.assert(
		fc.asyncProperty(line, fc.boolean(), async (text, site) => {
			const reply = await exchange(site ? app.sitePort : app.port, text);
			const status = Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1] ?? 0);
			expect(status === 0 || status < 500 || status === 505).toBe(true);
		}),
		{ seed: SEED, numRuns: 150 },
	);
	await stillWell();
}, 20_000);

/** Sends and half-closes; gives what came back before the connection ended. */
function exchange(port: number, text: string): Promise<string> {
	return new Promise((resolve) => {
		const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true }, () =>
			socket.end(text, "latin1"),
		);
		let reply = "";
		socket.setEncoding("latin1");
		socket.on("data", (part) => {
			reply += part;
			socket.destroy();
		});
		socket.on("error", () => socket.destroy());
		socket.on("end", () => socket.destroy());
		socket.on("close", () => resolve(reply));
	});
}

test("A query asked a thousand times over HTTP at once is answered a thousand times", async () => {
	const client = app.http();
	const answers = await Promise.all(
		Array.from({ length: 1_000 }, () => client.query(query("notes:counter"), { name: "many" })),
	);
	expect(new Set(answers)).toEqual(new Set([0]));
});
