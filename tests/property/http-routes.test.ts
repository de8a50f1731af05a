/**
 * Whatever anybody sends to the HTTP routes: never a fault of ours, never another user's data, nothing
 * half-written. On a real server, over real sockets.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import http from "../../convex/http.ts";
import { runs } from "../support/arbitraries.ts";
import { type FuzzRequest, fuzzRequest, ROUTES, type Who } from "./http-requests.ts";
import { CANARY, HttpWorld, other, type Reply, type State, WHO } from "./http-world.ts";

// Repeating a failure with many more runs may take its time.
setDefaultTimeout(600_000);

let world: HttpWorld;
let rows: Readonly<Record<Who, string>>;
beforeAll(async () => {
	world = await HttpWorld.start();
	rows = { alice: await world.sessionRow("alice"), bob: await world.sessionRow("bob") };
});
afterAll(async () => await world?.close());

const isRoute = ({ method, path }: Pick<FuzzRequest, "method" | "path">): boolean =>
	ROUTES.some(
		([m, p]) => p === path && (m === method || method === "OPTIONS" || (method === "HEAD" && m === "GET")),
	);

/** With what the placeholders stand for. */
function filled(request: FuzzRequest): FuzzRequest {
	const { who, path, query, body } = request;
	const fill = (text: string): string =>
		text
			.replaceAll("$own", rows[who])
			.replaceAll("$other", rows[other(who)])
			.replaceAll("$canary", CANARY[who]);
	const address = query.map(([name, value]) => `${name}=${fill(value).replaceAll(" ", "+")}`).join("&");
	return {
		...request,
		path: address === "" ? path : `${path}?${address}`,
		body: typeof body === "string" ? fill(body) : body,
	};
}

/** What holds for every answer. */
function checkReply(request: FuzzRequest, { status, headers, text }: Reply): void {
	expect(status).toBeLessThan(500);
	expect(text).not.toContain(CANARY[other(request.who)]);
	const asksForOther = request.query.some(([, value]) => value === "$other");
	if (!asksForOther) expect(text).not.toContain(rows[other(request.who)]);
	const isAllowed = request.key === "full" || request.key === "readOnly" || request.key === "writeOnly";
	if (!isAllowed) expect(text).not.toContain(rows[request.who]);
	if (!isRoute(request)) return;
	expect(headers["access-control-allow-origin"]).toBe("*");
	if (request.method === "OPTIONS") return void expect(status).toBe(204);
	if (request.method === "HEAD") return void expect(text).toBe("");
	const isFile = headers["content-type"]?.startsWith("text/markdown") && status === 200;
	if (isFile) return;
	expect(headers["content-type"]).toStartWith("application/json");
	const body = JSON.parse(text) as { error?: unknown };
	if (status < 400) return;
	// One sentence for a person, and nothing of our insides.
	expect(body.error).toMatch(/^[^\n]{5,}[.…]$/);
	expect(text).not.toMatch(/Uncaught|Server Error|node_modules|\.ts:\d/);
	if (status === 429) expect(Number(headers["retry-after"])).toBeGreaterThan(0);
}

const NEEDS_KEY = /^\/(api|sync)\//;

function checkAccess(request: FuzzRequest, { status }: Reply): void {
	if (!isRoute(request) || request.method === "OPTIONS" || !NEEDS_KEY.test(request.path)) return;
	const needed = request.path.startsWith("/api/") ? "readOnly" : "writeOnly";
	if (request.key === "full" || request.key === needed) expect([401, 403]).not.toContain(status);
	else expect(status).toBe(request.key === "readOnly" || request.key === "writeOnly" ? 403 : 401);
}

/** A length that cannot be is said to be none, and not taken for another one. */
function checkLimit(request: FuzzRequest, { status }: Reply): void {
	const limit = request.query.find(([name]) => name === "limit")?.[1] ?? "1";
	const isAllowed = request.key === "full" || request.key === "readOnly";
	if (request.path !== "/api/sessions" || request.method !== "GET" || !isAllowed) return;
	if (["0", "-1", "abc", "1e9", "1.5", "json", "hello"].includes(limit)) expect(status).toBe(400);
}

type Fields = Record<string, unknown>;
type Posted = { session: string; message: Fields | null };

/** The items that the answer says were taken. */
function taken(path: string, body: unknown, reply: Reply): Posted[] {
	const told = JSON.parse(reply.text) as { outcome?: string; results?: Record<string, Fields[]> };
	const of = (item: unknown, isMessage: boolean): Posted => {
		const fields = item as Fields;
		const id = isMessage
			? fields.sessionExternalId || fields.sessionId
			: fields.externalId || fields.sessionId;
		return { session: String(id).toWellFormed(), message: isMessage ? fields : null };
	};
	if (path === "/sync/session") return [of(body, false)];
	if (path === "/sync/message") return [of(body, true)];
	return (["sessions", "messages"] as const).flatMap((name) => {
		const items = ((body as Fields)[name] ?? []) as unknown[];
		expect(told.results?.[name]).toHaveLength(items.length);
		return items
			.filter((_, at) => told.results?.[name]?.[at]?.outcome !== undefined)
			.map((item) => of(item, name === "messages"));
	});
}

const keyOf = (session: string, message: unknown): string => JSON.stringify([session, message]);

function messageKeys({ sessions }: State): Set<string> {
	return new Set(
		[...sessions].flatMap(([id, { messages }]) => messages.map(({ externalId }) => keyOf(id, externalId))),
	);
}

/** After an answer of 200: what was taken is there as it was posted, and nothing else came. */
function checkTaken(items: readonly Posted[], before: State, after: State): void {
	const sessions = new Set([...before.sessions.keys(), ...items.map(({ session }) => session)]);
	expect([...after.sessions.keys()].sort()).toEqual([...sessions].sort());
	const messages = items.flatMap(({ session, message }) => (message ? [{ session, message }] : []));
	const idOf = (message: Fields): string => String(message.externalId).toWellFormed();
	const wanted = new Map(messages.map(({ session, message }) => [keyOf(session, idOf(message)), message]));
	expect([...messageKeys(after)].sort()).toEqual(
		[...new Set([...messageKeys(before), ...wanted.keys()])].sort(),
	);
	for (const [key, message] of wanted) {
		const [session, id] = JSON.parse(key) as [string, string];
		const stored = after.sessions.get(session)?.messages.find(({ externalId }) => externalId === id);
		const { role, textContent, createdAt, parts } = message;
		expect(stored?.role).toBe(role as string);
		if (typeof textContent === "string" && textContent !== "")
			expect(stored?.textContent).toBe(textContent.toWellFormed());
		if (Number.isInteger(createdAt)) expect(stored?.createdAt).toBe(createdAt as number);
		// A message that is told again without parts keeps those that it has.
		if (!Array.isArray(parts) || parts.length === 0) continue;
		const types = (parts as Fields[]).map(({ type }) => String(type).toWellFormed());
		const told = stored?.parts.map(({ type }) => type);
		expect(told?.filter((type) => type !== "text")).toEqual(types.filter((type) => type !== "text"));
	}
}

/** As a decoder of UTF-8 reads it. */
function parsed(body: FuzzRequest["body"]): unknown {
	try {
		return JSON.parse(new TextDecoder().decode(Buffer.from(body ?? "")));
	} catch {
		return undefined;
	}
}

const isWrite = ({ method, path }: FuzzRequest): boolean => method === "POST" && path.startsWith("/sync/");

/** States are read where something may have been written, and now and then where it may not. */
async function runStory(requests: readonly FuzzRequest[]): Promise<void> {
	let states = { alice: await world.state("alice"), bob: await world.state("bob") };
	for (const [at, request] of requests.entries()) {
		const { who, key, method, path, headers } = request;
		const sent = filled(request);
		const authorization = world.authorization(who, key);
		const reply = await world.send({
			...{ method, path: sent.path, headers, body: sent.body },
			...(authorization === undefined ? {} : { authorization }),
		});
		checkReply(request, reply);
		checkAccess(request, reply);
		checkLimit(request, reply);
		if (!isWrite(request) && at < requests.length - 1) continue;
		const now = { alice: await world.state("alice"), bob: await world.state("bob") };
		expect(now[other(who)].text).toBe(states[other(who)].text);
		if (reply.status >= 400 || !isWrite(request) || !isRoute(request))
			expect(now[who].text).toBe(states[who].text);
		else checkTaken(taken(path, parsed(sent.body), reply), states[who], now[who]);
		states = now;
	}
}

test("every route is among those that are tried", () => {
	const routes = http.getRoutes().map(([path, method]) => `${method} ${path}`);
	const without = routes.filter((one) => !one.startsWith("OPTIONS "));
	expect(without.sort()).toEqual(ROUTES.map(([method, path]) => `${method} ${path}`).sort());
	for (const [, path] of ROUTES) expect(routes).toContain(`OPTIONS ${path}`);
});

test("no request makes a fault, tells another user's data or writes by halves", async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(fuzzRequest, { minLength: 1, maxLength: 6 }), runStory),
		runs(200),
	);
});

test("the same ids of two users are two sessions and two messages", async () => {
	for (const who of WHO) {
		const { sessions } = await world.state(who);
		expect(
			sessions.get("shared")?.messages.some(({ textContent }) => textContent?.includes(CANARY[who])),
		).toBe(true);
	}
});

test("a body that is too large is refused, and nothing of it is kept", async () => {
	const before = await world.state("alice");
	for (const size of [9, 19]) {
		const body = JSON.stringify({ externalId: "large", title: "x".repeat(size * 1024 * 1024) });
		const request = {
			...{ who: "alice" as const, key: "full" as const, method: "POST", path: "/sync/session", query: [] },
			...{ headers: { "Content-Type": "application/json" }, body },
		};
		const authorization = world.authorization("alice", "full") as string;
		const reply = await world.send({ ...request, authorization });
		expect(reply.status).toBe(413);
		checkReply(request, reply);
	}
	expect((await world.state("alice")).text).toBe(before.text);
});
