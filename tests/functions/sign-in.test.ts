import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { createLocalJWKSet, exportJWK, exportPKCS8, generateKeyPair, jwtVerify } from "jose";
import { api, internal } from "../../convex/_generated/api.js";
import { SIGN_IN_CODE_TTL_MS, TOKEN_AUDIENCE, TOKEN_TTL_MS } from "../../src/protocol/limits.ts";
import { FEATURES, PROTOCOL_VERSION } from "../../src/protocol/version.ts";
import { type App, scenario, storyStart } from "./app.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const KEY = "osk_0123456789abcdef";

const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "first", alg: "ES256", use: "sig" }] };
const env = {
	OPENSYNC_JWT_PRIVATE_KEY: await exportPKCS8(privateKey),
	OPENSYNC_JWKS: JSON.stringify(jwks),
	CONVEX_SITE_URL: "https://site.test",
	CONVEX_CLOUD_URL: "https://cloud.test",
};

const addKey = (app: App, userName?: string) =>
	app.runMutation(internal.apiKeys.addFirst, {
		name: "first",
		hash: sha256(KEY),
		shown: "osk_0123…",
		scopes: ["read", "write"],
		...(userName ? { userName } : {}),
	});
const token = (app: App, authorization: string) =>
	app.fetch("/auth/token", { method: "POST", headers: { Authorization: authorization } });
const code = (app: App, body: string) =>
	app.fetch("/auth/code", { method: "POST", headers: { "Content-Type": "application/json" }, body });

scenario(
	"the backend says what it is",
	async (app) => {
		const { status, body, headers } = await app.fetch("/health");
		expect(status).toBe(200);
		expect(body).toEqual({
			status: "ok",
			timestamp: storyStart(),
			name: "pi-opensync",
			version: PROTOCOL_VERSION,
			features: [...FEATURES],
			convexUrl: "https://cloud.test",
		});
		expect(headers.get("access-control-allow-origin")).toBe("*");
	},
	{ env },
);

scenario(
	"an API key is exchanged for a token of an hour that names user and key",
	async (app) => {
		const { id } = await addKey(app, "somebody");
		const { status, body } = await token(app, `Bearer ${KEY}`);
		const answer = body as { token: string; expiresAt: number; scopes: string[]; userName: string };
		expect({ status, scopes: answer.scopes, userName: answer.userName }).toEqual({
			status: 200,
			scopes: ["read", "write"],
			userName: "somebody",
		});
		expect(answer.expiresAt).toBe(Math.floor(storyStart() / 1000) * 1000 + TOKEN_TTL_MS);
		const { payload, protectedHeader } = await jwtVerify(answer.token, createLocalJWKSet(jwks), {
			issuer: "https://site.test",
			audience: TOKEN_AUDIENCE,
			currentDate: new Date(storyStart()),
		});
		expect(protectedHeader).toMatchObject({ alg: "ES256", kid: "first" });
		expect(payload.keyId).toBe(id);
		const me = app.as({
			subject: payload.sub as string,
			issuer: "https://site.test",
			tokenIdentifier: "x",
			keyId: id,
		});
		expect(await me.query(api.users.me, {})).toEqual({
			name: "somebody",
			keyName: "first",
			scopes: ["read", "write"],
		});
	},
	{ env },
);

scenario(
	"a wrong, missing or revoked key is answered with 401",
	async (app) => {
		const { id } = await addKey(app);
		for (const authorization of [
			"",
			"Bearer",
			"Bearer osk_wrong",
			`Basic ${KEY}`,
			`Bearer ${KEY}x`,
			"Bearer eyJhbGciOiJub25lIn0.e30.",
		]) {
			const { status, body } = await token(app, authorization);
			expect({ authorization, status }).toEqual({ authorization, status: 401 });
			expect((body as { error: string }).error).toContain("key");
		}
		await app.runMutation(internal.apiKeys.revokeById, { id });
		expect((await token(app, `Bearer ${KEY}`)).status).toBe(401);
	},
	{ env },
);

for (const [what, missing] of Object.entries({
	"no private key": { OPENSYNC_JWT_PRIVATE_KEY: "" },
	"a private key that is none": { OPENSYNC_JWT_PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nnope" },
	"no key set": { OPENSYNC_JWKS: "" },
	"a key set that is no JSON": { OPENSYNC_JWKS: "{" },
	"an empty key set": { OPENSYNC_JWKS: '{"keys":[]}' },
})) {
	scenario(
		`with ${what} there are no tokens, and the answer says what to set`,
		async (app) => {
			await addKey(app);
			const { status, body } = await token(app, `Bearer ${KEY}`);
			expect(status).toBe(503);
			expect((body as { error: string }).error).toContain("OPENSYNC_JWT_PRIVATE_KEY");
			expect((await app.fetch("/.well-known/jwks.json")).status).toBe(200);
		},
		{ env: { ...env, ...missing } },
	);
}

scenario(
	"the public key can be fetched",
	async (app) => {
		const { status, body } = await app.fetch("/.well-known/jwks.json");
		expect({ status, body }).toEqual({ status: 200, body: jwks });
		expect(JSON.stringify(body)).not.toContain('"d"');
	},
	{ env },
);

scenario("a key's last use is noted, at most once a minute", async (app) => {
	const { id } = await addKey(app);
	const lastUsedAt = async () =>
		(await app.runQuery(internal.apiKeys.listAll, {})).find((key) => key.id === id)?.lastUsedAt;
	const use = () => app.runMutation(internal.apiKeys.find, { hash: sha256(KEY) });
	expect(await lastUsedAt()).toBeNull();
	await use();
	expect(await lastUsedAt()).toBe(storyStart());
	await app.advance(30_000);
	await use();
	expect(await lastUsedAt()).toBe(storyStart());
	await app.advance(31_000);
	await use();
	expect(await lastUsedAt()).toBe(storyStart() + 61_000);
});

scenario(
	"a sign-in code gives a key with all scopes, once",
	async (app) => {
		await app.runMutation(internal.signIn.addCode, { hash: sha256("the-code") });
		const { status, body } = await code(app, '{"code":"the-code"}');
		const made = body as { key: string; name: string };
		expect(status).toBe(200);
		expect(made.key).toMatch(/^osk_[0-9a-f]{64}$/);
		expect(made.name).toBe(`dashboard ${new Date(storyStart()).toISOString().slice(0, 10)} 03:04`);
		expect(await token(app, `Bearer ${made.key}`)).toMatchObject({
			status: 200,
			body: { userName: "owner", scopes: ["read", "write", "control"] },
		});
		expect((await code(app, '{"code":"the-code"}')).status).toBe(401);
		const [key] = await app.runQuery(internal.apiKeys.listAll, {});
		expect(key).toMatchObject({ name: made.name });
		expect(made.key.startsWith(key?.shown.replace("…", "") ?? "?")).toBe(true);
	},
	{ env },
);

scenario("a sign-in code is too old after a while, and swept away", async (app) => {
	await app.runMutation(internal.signIn.addCode, { hash: sha256("one") });
	await app.runMutation(internal.signIn.addCode, { hash: sha256("two") });
	await app.advance(SIGN_IN_CODE_TTL_MS + 1000);
	expect((await code(app, '{"code":"one"}')).status).toBe(401);
	await app.runMutation(internal.garbage.sweep, {});
	expect(await app.runner.rows("signInCodes")).toBe(0);
});

scenario("who has control makes codes for the own user", async (app) => {
	const client = await app.signIn({ user: "somebody" });
	await client.mutation(api.signIn.createCode, { hash: sha256("mine") });
	expect(await client.refused(api.signIn.createCode, { hash: "in the clear" })).toBe("invalid");
	const reader = await app.signIn({ scopes: ["read", "write"] });
	expect(await reader.refused(api.signIn.createCode, { hash: sha256("x") })).toBe("scope_missing");
	expect((await code(app, '{"code":"mine"}')).status).toBe(200);
	expect((await client.query(api.apiKeys.list, {})).map((key) => key.scopes.length)).toEqual([3, 2, 3]);
});

scenario("a code that a key made is worth nothing once that key is revoked (A2)", async (app) => {
	const [owner, lost] = [await app.signIn(), await app.signIn()];
	await lost.mutation(api.signIn.createCode, { hash: sha256("made before") });
	await owner.mutation(api.signIn.createCode, { hash: sha256("another's") });
	await owner.mutation(api.apiKeys.revoke, { id: lost.keyId });
	expect((await code(app, '{"code":"made before"}')).status).toBe(401);
	expect((await code(app, '{"code":"another\'s"}')).status).toBe(200);
});

scenario("bad input is answered with 400, never with 500", async (app) => {
	const bodies = [
		"",
		"{",
		"null",
		"7",
		'"code"',
		"[]",
		"{}",
		'{"code":7}',
		'{"code":""}',
		'{"code":null}',
		"x".repeat(10_000),
		"\u0000\ud83d",
	];
	for (const body of bodies)
		expect({ body, status: (await code(app, body)).status }).toEqual({ body, status: 400 });
	expect((await code(app, JSON.stringify({ code: "x".repeat(3000) }))).status).toBe(401);
});

scenario("pages of any origin may ask: preflights are answered", async (app) => {
	for (const path of ["/health", "/auth/token", "/auth/code", "/.well-known/jwks.json"]) {
		const { status, headers } = await app.fetch(path, {
			method: "OPTIONS",
			headers: { Origin: "https://page.test", "Access-Control-Request-Method": "POST" },
		});
		expect(status).toBe(204);
		expect(headers.get("access-control-allow-origin")).toBe("*");
		expect(headers.get("access-control-allow-headers")).toContain("Authorization");
		expect(headers.get("access-control-allow-methods")).toContain("POST");
	}
	expect((await code(app, "{}")).headers.get("access-control-allow-origin")).toBe("*");
	expect((await token(app, "")).headers.get("access-control-allow-origin")).toBe("*");
});
