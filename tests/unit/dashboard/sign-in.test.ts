import { expect, test } from "bun:test";
import { redeemCode, requestToken } from "../../../src/dashboard/features/sign-in/auth-requests.ts";
import { createKeyStore } from "../../../src/dashboard/features/sign-in/key-store.ts";
import {
	nextSignIn,
	type SignInEvent,
	type SignInState,
} from "../../../src/dashboard/features/sign-in/sign-in-state.ts";

const backend = { siteUrl: "http://127.0.0.1:3211", apiUrl: "http://127.0.0.1:3210" };
const run = (state: SignInState, ...events: SignInEvent[]) => events.reduce(nextSignIn, state);
const FINDING: SignInState = { kind: "finding", address: backend.siteUrl, credential: null };

test("a stored key signs in without a question", () => {
	const state = run(
		FINDING,
		{ kind: "found", backend, storedKey: "osk_a" },
		{ kind: "accepted", key: "osk_a" },
	);
	expect(state).toEqual({ kind: "signedIn", backend, key: "osk_a" });
});

test("the code of a link goes before a stored key", () => {
	const state = run(
		{ ...FINDING, credential: { kind: "code", code: "c" } },
		{ kind: "found", backend, storedKey: "osk_a" },
	);
	expect(state).toEqual({ kind: "checking", backend, credential: { kind: "code", code: "c" } });
});

test("somebody new is asked for a key without a reproach", () => {
	const state = run(FINDING, { kind: "found", backend, storedKey: null });
	expect(state).toMatchObject({ kind: "signedOut", backend, reason: null, retry: null });
});

test("a refused key is not offered again, one that never arrived is", () => {
	const checking = run(FINDING, { kind: "found", backend, storedKey: "osk_a" });
	expect(run(checking, { kind: "refused", reason: "Wrong." })).toMatchObject({
		reason: "Wrong.",
		retry: null,
	});
	const lost = run(checking, { kind: "unreachable", reason: "Away." });
	expect(lost).toMatchObject({ reason: "Away.", retry: { kind: "key", key: "osk_a" } });
});

test("a revoked key leads back to sign-in with the reason", () => {
	const state = run(
		{ kind: "signedIn", backend, key: "osk_a" },
		{ kind: "left", reason: "The key was revoked." },
	);
	expect(state).toMatchObject({
		kind: "signedOut",
		reason: "The key was revoked.",
		address: backend.siteUrl,
	});
});

test("answers that come too late change nothing", () => {
	const signedIn: SignInState = { kind: "signedIn", backend, key: "osk_a" };
	for (const late of [
		{ kind: "refused", reason: "x" },
		{ kind: "accepted", key: "osk_b" },
		{ kind: "found", backend, storedKey: null },
		{ kind: "notFound", reason: "x" },
	] as SignInEvent[]) {
		expect(nextSignIn(signedIn, late)).toBe(signedIn);
	}
});

const answering = (status: number, body: unknown) =>
	(async () => new Response(JSON.stringify(body), { status })) as unknown as typeof fetch;
const away = (async () => {
	throw new TypeError("refused");
}) as unknown as typeof fetch;

test("a key becomes a token, is refused with the backend's sentence, or waits for the backend", async () => {
	expect(await requestToken("http://x", "osk_a", answering(200, { token: "t" }))).toEqual({
		kind: "token",
		token: "t",
	});
	expect(await requestToken("http://x", "osk_a", answering(401, { error: "Revoked." }))).toEqual({
		kind: "refused",
		reason: "Revoked.",
	});
	expect(await requestToken("http://x", "osk_a", answering(503, {}))).toMatchObject({ kind: "unreachable" });
	expect(await requestToken("http://x", "osk_a", away)).toMatchObject({ kind: "unreachable" });
});

test("what is no key is not sent anywhere", async () => {
	for (const key of ["", "hello", "osk_a\nX-Evil: 1", "osk_ü"]) {
		expect(await requestToken("http://x", key, away)).toMatchObject({ kind: "refused" });
	}
});

test("a code becomes a key once", async () => {
	expect(await redeemCode("http://x", "c", answering(200, { key: "osk_n", name: "d" }))).toEqual({
		kind: "key",
		key: "osk_n",
	});
	expect(await redeemCode("http://x", "c", answering(401, { error: "?" }))).toMatchObject({
		kind: "refused",
	});
	expect(await redeemCode("http://x", "c", answering(500, "?"))).toMatchObject({ kind: "unreachable" });
	expect(await redeemCode("http://x", "c", away)).toMatchObject({ kind: "unreachable" });
});

test("a key is kept for its own backend only", () => {
	const kept = new Map<string, string>();
	const storage = {
		getItem: (name: string) => kept.get(name) ?? null,
		setItem: (name: string, value: string) => void kept.set(name, value),
		removeItem: (name: string) => void kept.delete(name),
	};
	const store = createKeyStore(() => storage);
	store.setKey("http://a", "osk_a");
	expect(createKeyStore(() => storage).keyFor("http://a")).toBe("osk_a");
	expect(store.keyFor("http://b")).toBeNull();
	store.setKey("http://a", null);
	expect(createKeyStore(() => storage).keyFor("http://a")).toBeNull();
});

test("a browser that forbids storage keeps the key as long as the page lives", () => {
	const forbid = () => {
		throw new Error("SecurityError");
	};
	// Some refuse what is asked of the store, others throw when it is named.
	for (const storageOf of [() => ({ getItem: forbid, setItem: forbid, removeItem: forbid }), forbid]) {
		const store = createKeyStore(storageOf);
		store.setKey("http://a", "osk_a");
		expect(store.keyFor("http://a")).toBe("osk_a");
	}
});
