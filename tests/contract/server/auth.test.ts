/** Who a caller is: tokens over the socket and over HTTP, good, bad and outlived; the admin key. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ConvexClient } from "convex/browser";
import { connect, modify, openRawSocket } from "./raw-socket.ts";
import { ADMIN_KEY, action, mutation, query, type RunningApp, startApp, watch } from "./running-app.ts";
import { type TokenMaker, tokenMaker } from "./token-maker.ts";

let app: RunningApp;
let tokens: TokenMaker;
let strangers: TokenMaker;
beforeAll(async () => {
	tokens = await tokenMaker();
	strangers = await tokenMaker();
	app = await startApp({ env: { JWKS: tokens.jwks } });
});
afterAll(async () => {
	await app.close();
});

type Me = { subject: string; tokenIdentifier: string; issuer: string } & Record<string, unknown>;

/** Calls `setAuth` and gives what `onChange` says, in order, with a way to wait for the next. */
function signIn(client: ConvexClient, fetchToken: (fresh: boolean) => Promise<string | null>) {
	const states: boolean[] = [];
	let wake = () => {};
	client.setAuth(
		({ forceRefreshToken }) => fetchToken(forceRefreshToken),
		(signedIn) => {
			states.push(signedIn);
			wake();
		},
	);
	return {
		states,
		next: () =>
			new Promise<boolean>((resolve) => {
				const take = () => {
					const state = states.shift();
					if (state !== undefined) resolve(state);
				};
				wake = take;
				take();
			}),
	};
}

test("A signed-in client's queries, mutations and actions know who it is", async () => {
	const client = app.client();
	const me = watch<Me | null>(client, "people:me", {});
	expect(await me.until(() => true)).toBeNull();
	const session = signIn(client, () =>
		tokens.make("ada", { claims: { email: "ada@x.example", given_name: "Ada", role: "admin" } }),
	);
	expect(await session.next()).toBe(true);
	expect(await me.until((who) => who !== null)).toMatchObject({
		subject: "ada",
		issuer: "https://tokens.example",
		tokenIdentifier: "https://tokens.example|ada",
		email: "ada@x.example",
		role: "admin",
	});
	expect(await client.mutation(mutation("people:myName"), {})).toBe("ada");
	expect(await client.action(action("people:asAction"), {})).toBe("ada");
});

test("A client signs in with no query subscribed", async () => {
	const session = signIn(app.client(), () => tokens.make("lone"));
	expect(await session.next()).toBe(true);
});

test("Signing out makes the queries run again for nobody", async () => {
	const client = app.client();
	const me = watch<Me | null>(client, "people:me", {});
	const token = await tokens.make("bob");
	const session = signIn(client, async () => token);
	expect(await session.next()).toBe(true);
	await me.until((who) => who?.subject === "bob");
	client.client.clearAuth();
	await me.until((who) => who === null);
	expect(await client.mutation(mutation("people:myName"), {})).toBeNull();
});

const BAD: [string, () => Promise<string>][] = [
	["signed by someone else", () => strangers.make("eve")],
	["of an unknown issuer", () => tokens.make("eve", { issuer: "https://other.example" })],
	["for another application", () => tokens.make("eve", { audience: "other-app" })],
	["that is out of date", () => tokens.make("eve", { issuedIn: -7200, expiresIn: -3600 })],
	["without an end", () => tokens.make("eve", { expiresIn: null })],
	["that names no key", () => tokens.make("eve", { kid: null })],
	["that names an unknown key", () => tokens.make("eve", { kid: "k2" })],
	["that is no token", async () => "not.a.token"],
	[
		"with a changed body",
		async () => {
			const [head, , signature] = (await tokens.make("eve")).split(".");
			const body = Buffer.from(
				JSON.stringify({ iss: "https://tokens.example", sub: "root", aud: "server-app", exp: 9e9 }),
			);
			return `${head}.${body.toString("base64url")}.${signature}`;
		},
	],
	[
		"without a signature",
		async () => {
			const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
			return `${part({ alg: "none", kid: "k1" })}.${part({ iss: "https://tokens.example", sub: "root", aud: "server-app", exp: 9e9 })}.`;
		},
	],
];
for (const [what, make] of BAD) {
	test(`A token ${what} signs nobody in, over the socket and over HTTP`, async () => {
		const token = await make();
		const socket = await openRawSocket(app.url);
		socket.send(connect());
		socket.send({ type: "Authenticate", tokenType: "User", value: token, baseVersion: 0 });
		expect(await socket.nextOf("AuthError")).toMatchObject({ baseVersion: 0, authUpdateAttempted: true });
		await socket.closed;
		const reply = await fetch(`${app.url}/api/query`, {
			method: "POST",
			headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
			body: JSON.stringify({ path: "people:me", args: {} }),
		});
		expect(reply.status).toBe(401);
		expect(Object.keys((await reply.json()) as object)).toEqual(["code", "message"]);
		const asAction = await fetch(`${app.siteUrl}/whoami`, { headers: { Authorization: `Bearer ${token}` } });
		expect(await asAction.json()).toBeNull();
	});
}

test("A client whose first token is bad gets in with the next one", async () => {
	const client = app.client();
	const session = signIn(client, async (fresh) =>
		fresh ? await tokens.make("late") : await strangers.make("late"),
	);
	expect(await session.next()).toBe(true);
	expect(await client.mutation(mutation("people:myName"), {})).toBe("late");
});

test("A client with nothing but bad tokens is told so, and goes on as nobody", async () => {
	const client = app.client();
	const session = signIn(client, () => strangers.make("never"));
	expect(await session.next()).toBe(false);
	expect(await client.mutation(mutation("people:myName"), {})).toBeNull();
});

test("A token that runs out on an open connection acts no longer", async () => {
	const socket = await openRawSocket(app.url);
	socket.send(connect());
	// Within the tolerance of five seconds between clocks, for half a second more.
	const token = await tokens.make("brief", { issuedIn: -60, expiresIn: -4 });
	socket.send({ type: "Authenticate", tokenType: "User", value: token, baseVersion: 0 });
	const first = await socket.next();
	if (first?.type === "Transition") {
		let asked = 0;
		for (let frame = first as typeof first | null; frame?.type !== "AuthError"; frame = await socket.next()) {
			if (frame === null) throw new Error("the socket closed without an AuthError");
			if (frame.type === "Transition") socket.send(modify(asked++, []));
			await new Promise((resolve) => setTimeout(resolve, 10));
		}
	}
	const { code } = await socket.closed;
	expect(code).toBe(1000);
});

test("The transition that confirms a token says how far the client's clock is off", async () => {
	const socket = await openRawSocket(app.url);
	socket.send(connect({ clientTs: Date.now() + 60_000 }));
	socket.send({
		type: "Authenticate",
		tokenType: "User",
		value: await tokens.make("skewed"),
		baseVersion: 0,
	});
	const { clientClockSkew } = await socket.nextOf("Transition");
	expect(clientClockSkew as number).toBeGreaterThan(30_000);
	expect(clientClockSkew as number).toBeLessThanOrEqual(60_000);
	socket.close();
});

test("The HTTP client signs in with a token", async () => {
	const client = app.http();
	client.setAuth(await tokens.make("http"));
	expect(await client.query(query("people:me"), {})).toMatchObject({ subject: "http" });
	expect(await client.mutation(mutation("people:myName"), {})).toBe("http");
	expect(await client.action(action("people:asAction"), {})).toBe("http");
	client.clearAuth();
	expect(await client.query(query("people:me"), {})).toBeNull();
});

test("An HTTP action knows the bearer of a token", async () => {
	const headers = { Authorization: `Bearer ${await tokens.make("site")}` };
	expect(await (await fetch(`${app.siteUrl}/whoami`, { headers })).json()).toBe("site");
	expect(await (await fetch(`${app.url}/http/whoami`, { headers })).json()).toBe("site");
	expect(await (await fetch(`${app.siteUrl}/whoami`)).json()).toBeNull();
});

test("Keys that the app publishes on its own site are found there", async () => {
	const client = app.http();
	client.setAuth(await tokens.make("own", { issuer: app.siteUrl }));
	expect(await client.query(query("people:me"), {})).toMatchObject({ tokenIdentifier: `${app.siteUrl}|own` });
});

const call = (headers: Record<string, string>, path = "notes:secret", route = "function", search = "") =>
	fetch(`${app.url}/api/${route}${search}`, {
		method: "POST",
		headers: { "Content-Type": "application/json", ...headers },
		body: JSON.stringify({ path, args: {} }),
	});

test("The admin key runs internal functions, and only it", async () => {
	const good = await call({ Authorization: `Convex ${ADMIN_KEY}` });
	expect(await good.json()).toEqual({ status: "success", value: "for the house" });
	expect((await call({})).status).toBe(403);
	expect((await call({ Authorization: "Convex server-app|wrong" })).status).toBe(401);
	expect((await call({ Authorization: "Convex " })).status).toBe(401);
	expect((await call({ Authorization: "Basic abc" })).status).toBe(401);
	expect((await call({ Authorization: `Bearer ${await tokens.make("ada")}` })).status).toBe(403);
	expect(
		await (await call({}, "notes:secret", "function", `?adminKey=${encodeURIComponent(ADMIN_KEY)}`)).json(),
	).toMatchObject({ status: "success" });
	const open = await (await call({}, "notes:secret", "query")).json();
	expect(open).toMatchObject({ status: "error" });
	expect(JSON.stringify(open)).toContain("Could not find public function for 'notes:secret'");
});

test("The admin acts as a user when it says so", async () => {
	const acting = Buffer.from(JSON.stringify({ issuer: "i", subject: "s", name: "S" })).toString("base64");
	const reply = await call({ Authorization: `Convex ${ADMIN_KEY}:${acting}` }, "people:me");
	expect(await reply.json()).toMatchObject({
		status: "success",
		value: { subject: "s", tokenIdentifier: "i|s", name: "S" },
	});
});
