/** `/api/*` as the stock HTTP client and plain requests use it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ConvexError } from "convex/values";
import { ADMIN_KEY, action, mutation, query, type RunningApp, startApp } from "./running-app.ts";

let app: RunningApp;
beforeAll(async () => {
	app = await startApp();
});
afterAll(async () => {
	await app.close();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
	fetch(`${app.url}${path}`, {
		method: "POST",
		headers: { "Content-Type": "application/json", ...headers },
		body: typeof body === "string" ? body : JSON.stringify(body),
	});

test("The stock HTTP client queries, mutates and acts", async () => {
	const client = app.http();
	expect(await client.query(query("notes:list"), { room: "h" })).toEqual([]);
	expect(await client.mutation(mutation("notes:send"), { room: "h", text: "one" })).toBeString();
	expect(await client.action(action("notes:relay"), { room: "h", text: "two" })).toEqual(["one", "two"]);
	expect(await client.query(query("notes:values"), {})).toMatchObject({ int: 7n, plain: { text: "é" } });
});

test("The HTTP client gets errors and their data", async () => {
	const client = app.http();
	await expect(client.mutation(mutation("notes:fail"), { room: "x", how: "plain" })).rejects.toThrow(
		"plain failure",
	);
	const failed = await client
		.mutation(mutation("notes:fail"), { room: "x", how: "convex" })
		.catch((error) => error);
	expect(failed).toBeInstanceOf(ConvexError);
	expect((failed as ConvexError<{ code: string; left: bigint }>).data).toEqual({ code: "full", left: 3n });
});

test("A consistent query sees the state of its timestamp", async () => {
	const client = app.http();
	await client.mutation(mutation("notes:send"), { room: "c", text: "before" });
	expect(await client.consistentQuery(query("notes:list"), { room: "c" })).toEqual(["before"]);
});

test("A function's own failure is HTTP 200 with a status; log lines are left out when there are none", async () => {
	const good = await post("/api/query", { path: "notes:list", args: { room: "s" } });
	expect([good.status, await good.json()]).toEqual([200, { status: "success", value: [] }]);
	const bad = await post("/api/query", { path: "notes:failingQuery", args: { room: "s" } });
	expect(bad.status).toBe(200);
	expect(await bad.json()).toMatchObject({
		status: "error",
		errorData: { code: "empty" },
		errorMessage: expect.stringMatching(/^\[Request ID: [0-9a-f]{16}\] Server Error/),
	});
	const loud = await post("/api/mutation", { path: "notes:loud", args: {} });
	expect(await loud.json()).toMatchObject({
		status: "success",
		value: null,
		logLines: [
			expect.stringContaining("[LOG] 'hello' { a: 1 }"),
			expect.stringContaining("[WARN] 'careful'"),
		],
	});
});

test("Args may stand in an array, or be left out", async () => {
	expect(
		await (await post("/api/query", { path: "notes:list", args: [{ room: "a" }] })).json(),
	).toMatchObject({ value: [] });
	expect(await (await post("/api/query", { path: "people:me" })).json()).toMatchObject({ value: null });
});

test("A query answers GET too", async () => {
	const search = new URLSearchParams({
		path: "notes:list",
		args: JSON.stringify({ room: "get" }),
		format: "json",
	});
	expect(await (await fetch(`${app.url}/api/query?${search}`)).json()).toEqual({
		status: "success",
		value: [],
	});
	expect((await fetch(`${app.url}/api/mutation?${search}`)).status).toBe(404);
});

test("Formats differ in how they write what JSON has no word for", async () => {
	const value = async (format?: string) =>
		(
			(await (await post("/api/query", { path: "notes:values", args: {}, format })).json()) as {
				value: object;
			}
		).value;
	const encoded = { int: { $integer: "BwAAAAAAAAA=" }, bytes: { $bytes: "AQID" } };
	expect(await value()).toMatchObject(encoded);
	expect(await value("convex_encoded_json")).toMatchObject(encoded);
	const plain = { int: "7", bytes: "AQID", notANumber: "NaN", plain: { text: "é", list: [1, null, true] } };
	expect(await value("json")).toMatchObject(plain);
	expect(await value("convex_clean_json")).toMatchObject(plain);
	const odd = await post("/api/query", { path: "notes:values", args: {}, format: "xml" });
	expect([odd.status, ((await odd.json()) as { code: string }).code]).toEqual([400, "BadFormat"]);
});

test("A batch of queries is answered in order, each for itself", async () => {
	await app.http().mutation(mutation("notes:send"), { room: "b", text: "in b" });
	const reply = await post("/api/query_batch", {
		queries: [
			{ path: "notes:list", args: { room: "b" }, format: "json" },
			{ path: "notes:missing", args: {}, format: "json" },
			{ path: "people:me", args: {}, format: "json" },
		],
	});
	expect(await reply.json()).toMatchObject({
		results: [
			{ status: "success", value: ["in b"] },
			{ status: "error" },
			{ status: "success", value: null },
		],
	});
});

test("A timestamp can be had and used, and must be one of ours", async () => {
	const { ts } = (await (await post("/api/query_ts", {})).json()) as { ts: string };
	const at = await post("/api/query_at_ts", { path: "notes:list", args: { room: "ts" }, ts });
	expect(await at.json()).toEqual({ status: "success", value: [] });
	expect(
		(await post("/api/query_at_ts", { path: "notes:list", args: { room: "ts" }, ts: "soon" })).status,
	).toBe(400);
	const future = Buffer.alloc(8, 0x7f).toString("base64");
	expect(
		(await post("/api/query_at_ts", { path: "notes:list", args: { room: "ts" }, ts: future })).status,
	).toBe(400);
});

test("A function runs by its address, of whatever kind it is", async () => {
	expect(
		await (await post("/api/run/notes/send", { args: { room: "run", text: "x" } })).json(),
	).toMatchObject({ status: "success" });
	expect(await (await post("/api/run/notes/list", { args: { room: "run" } })).json()).toEqual({
		status: "success",
		value: ["x"],
	});
	expect(await (await post("/api/run/notes:values", { args: {} })).json()).toMatchObject({
		value: { int: "7" },
	});
	expect(await (await post("/api/run/notes/secret", { args: {} })).json()).toMatchObject({ status: "error" });
	expect(
		await (
			await post("/api/run/notes/secret", { args: {} }, { Authorization: `Convex ${ADMIN_KEY}` })
		).json(),
	).toMatchObject({ value: "for the house" });
});

test("The server says what it is", async () => {
	for (const path of ["/", "/version", "/instance_name", "/instance_version"])
		expect((await fetch(`${app.url}${path}`)).status).toBe(200);
	expect(await (await post("/echo", "back")).text()).toBe("back");
	expect((await fetch(`${app.url}/version`, { method: "DELETE" })).status).toBe(405);
	expect((await fetch(`${app.url}/nothing/here`)).status).toBe(404);
	expect((await fetch(`${app.url}/api/nothing`)).status).toBe(404);
	expect((await fetch(`${app.url}/constructor`)).status).toBe(404);
});

const WRONG: [string, string, string | object][] = [
	["no JSON", "/api/query", "{"],
	["an array", "/api/query", "[]"],
	["null", "/api/mutation", "null"],
	["nothing", "/api/action", ""],
	["no path", "/api/query", { args: {} }],
	["a path that is no string", "/api/query", { path: 5, args: {} }],
	["args that are a number", "/api/query", { path: "notes:list", args: 5 }],
	["two args", "/api/query", { path: "notes:list", args: [{}, {}] }],
	["args nested without end", "/api/query", `{"path":"notes:list","args":${"[".repeat(200_000)}`],
	["a batch that is none", "/api/query_batch", { queries: {} }],
	["a batch with null in it", "/api/query_batch", { queries: [null] }],
	["an address with a broken escape", "/api/run/%E0%A4", { args: {} }],
];
for (const [what, path, body] of WRONG) {
	test(`${what} as the body of ${path} is a bad request with a sentence`, async () => {
		const reply = await post(path, body);
		expect(reply.status).toBe(400);
		const { code, message } = (await reply.json()) as { code: string; message: string };
		expect(code).toMatch(/^[A-Z]\w+$/);
		expect(message).toMatch(/^[A-Z`].*\.$/);
	});
}

test("Values nested too deep are the call's failure, not the server's", async () => {
	const deep = `${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`;
	const reply = await post("/api/query", `{"path":"notes:list","args":${deep}}`);
	expect([200, 400]).toContain(reply.status);
	expect(await reply.text()).toContain("rror");
});

test("A body above the limit is refused with 413", async () => {
	const reply = await post(
		"/api/mutation",
		`{"path":"notes:send","args":{"room":"l","text":"${"x".repeat(21 * 1024 * 1024)}"}}`,
	).catch(() => null);
	if (reply) expect(reply.status).toBe(413);
	expect((await fetch(`${app.url}/version`)).status).toBe(200);
});

test("A page of an allowed origin may call the API with its credentials", async () => {
	const origin = "http://localhost:5173";
	const asked = await fetch(`${app.url}/api/query`, {
		method: "OPTIONS",
		headers: {
			Origin: origin,
			"Access-Control-Request-Method": "POST",
			"Access-Control-Request-Headers": "convex-client,content-type",
		},
	});
	expect(asked.status).toBe(204);
	expect(asked.headers.get("access-control-allow-origin")).toBe(origin);
	expect(asked.headers.get("access-control-allow-headers")).toBe("convex-client,content-type");
	expect(asked.headers.get("access-control-allow-credentials")).toBe("true");
	const reply = await post("/api/query", { path: "people:me", args: {} }, { Origin: origin });
	expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
	expect(reply.headers.get("vary")).toContain("Origin");
});

test("Nothing went wrong on the server meanwhile", () => {
	expect(app.logged.filter((line) => /failed:/.test(line))).toEqual([]);
});
