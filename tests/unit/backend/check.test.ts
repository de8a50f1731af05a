import { expect, test } from "bun:test";
import { checkBackend } from "../../../src/backend/check.ts";
import type { Fetch } from "../../../src/backend/token-exchange.ts";
import { BACKEND_NAME, PROTOCOL_VERSION } from "../../../src/protocol/version.ts";

const HEALTH = { status: "ok", name: BACKEND_NAME, version: PROTOCOL_VERSION, features: ["entries", 7] };
const TOKEN = { token: "t", expiresAt: 1, scopes: ["read", "write"], userName: "me" };

function answering(health: unknown, token: unknown = TOKEN, status = 200): Fetch {
	return async (url) => (url.endsWith("/health") ? Response.json(health) : Response.json(token, { status }));
}

const options = { convexUrl: "http://127.0.0.1:3210", apiKey: "osk_abcdefghijkl" };

test("a good backend tells who it is and who we are", async () => {
	expect(await checkBackend({ ...options, fetch: answering(HEALTH) })).toEqual({
		kind: "ok",
		name: BACKEND_NAME,
		version: PROTOCOL_VERSION,
		features: ["entries"],
		userName: "me",
		scopes: ["read", "write"],
		siteUrl: "http://127.0.0.1:3211",
	});
});

test("another version says which side to update", async () => {
	const newer = await checkBackend({
		...options,
		fetch: answering({ ...HEALTH, version: PROTOCOL_VERSION + 1 }),
	});
	expect(newer).toMatchObject({ kind: "versionMismatch" });
	expect("message" in newer && newer.message).toContain("update this installation");
	const older = await checkBackend({ ...options, fetch: answering({ ...HEALTH, version: 0 }) });
	expect("message" in older && older.message).toContain("update the backend");
});

test("a revoked key is told from a wrong one where the backend does", async () => {
	const revoked = answering(HEALTH, { error: "This API key was revoked.", code: "key_revoked" }, 401);
	expect((await checkBackend({ ...options, fetch: revoked })).kind).toBe("revoked");
	expect((await checkBackend({ ...options, fetch: answering(HEALTH, { error: "no" }, 401) })).kind).toBe(
		"wrongKey",
	);
});

test("a missing scope is named, for what is needed", async () => {
	const fetch = answering(HEALTH);
	const control = await checkBackend({ ...options, needed: ["write", "control"], fetch });
	expect(control).toEqual({
		kind: "noScope",
		message: "The API key lacks the scope control: use a key that has it.",
	});
	expect((await checkBackend({ ...options, needed: ["read"], fetch })).kind).toBe("ok");
});

test("what answers oddly is told apart from what does not answer", async () => {
	for (const health of [{ status: "ok" }, null, [], "hello", { ...HEALTH, version: "1" }]) {
		expect((await checkBackend({ ...options, fetch: answering(health) })).kind).toBe("notOurs");
	}
	const html: Fetch = async () => new Response("<html>", { status: 404 });
	expect((await checkBackend({ ...options, fetch: html })).kind).toBe("notOurs");
	const down = answering(HEALTH, { error: "This deployment has no signing key." }, 503);
	expect(await checkBackend({ ...options, fetch: down })).toEqual({
		kind: "unreachable",
		message: "This deployment has no signing key.",
	});
	const silent: Fetch = (_url, init) =>
		new Promise((_resolve, reject) =>
			init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)),
		);
	expect(await checkBackend({ ...options, fetch: silent, deadlineMs: 5 })).toMatchObject({
		kind: "unreachable",
	});
});

test("a key with characters that no header takes is wrong, not a crash", async () => {
	const real: Fetch = async (url, init) => {
		new Headers(init?.headers);
		return url.endsWith("/health") ? Response.json(HEALTH) : Response.json({ error: "no" }, { status: 401 });
	};
	expect((await checkBackend({ ...options, apiKey: "osk_ключ\n1", fetch: real })).kind).toBe("wrongKey");
});
