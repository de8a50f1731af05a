/** What the client makes of a hosted OpenSync's answers, and how an address is recognised as one. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import { checkOpenSync, whatAnswers } from "../../../src/backend/opensync-check.ts";
import { createOpenSyncClient } from "../../../src/backend/opensync-client.ts";
import type { OpenSyncMessage } from "../../../src/protocol/opensync.ts";
import {
	type Fault,
	HOSTED_KEY,
	HOSTED_USER,
	type HostedOpenSync,
	startHostedOpenSync,
} from "../../support/hosted-opensync.ts";

let hosted: HostedOpenSync;
const others: Server[] = [];

beforeEach(async () => {
	hosted = await startHostedOpenSync();
});
afterEach(async () => {
	await hosted.stop();
	for (const server of others.splice(0)) server.close();
});

const client = (apiKey = HOSTED_KEY, deadlineMs = 5_000) =>
	createOpenSyncClient({ siteUrl: hosted.siteUrl, apiKey, version: "1.2.3", deadlineMs });

const MESSAGE: OpenSyncMessage = {
	sessionExternalId: "s",
	externalId: "pi:s:e",
	role: "user",
	parts: [{ type: "text", content: "hi" }],
	createdAt: 5,
};

/** A server that gives the same answer to everything. @returns its address. */
async function answering(body: unknown, status = 200): Promise<string> {
	const server = createServer((_request, response) => {
		response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
	});
	others.push(server);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
	return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe("an outcome", () => {
	test("of what OpenSync takes is done", async () => {
		expect(await client().postSession({ externalId: "s", title: "t" })).toEqual({ kind: "ok" });
		expect(await client().postMessage(MESSAGE)).toEqual({ kind: "ok" });
		expect(hosted.messagesOf("s")).toHaveLength(1);
	});

	test("of what its validators refuse is for good, although it says 500", async () => {
		const wrong = { ...MESSAGE, role: "robot" } as unknown as OpenSyncMessage;
		expect(await client().postMessage(wrong)).toMatchObject({ kind: "refused" });
		const parts = [{ type: "tool-call", content: {}, toolName: "x" }] as unknown as OpenSyncMessage["parts"];
		expect(await client().postMessage({ ...MESSAGE, parts })).toMatchObject({ kind: "refused" });
		const reserved = [{ type: "tool-call", content: { args: { $ref: 1 } } }];
		expect(await client().postMessage({ ...MESSAGE, parts: reserved })).toMatchObject({ kind: "refused" });
		const large = [{ type: "text", content: "x".repeat(1 << 21) }];
		expect(await client().postMessage({ ...MESSAGE, parts: large })).toMatchObject({ kind: "refused" });
		const args = Object.fromEntries(Array.from({ length: 1_100 }, (_, at) => [`k${at}`, 1]));
		const crowded = [{ type: "tool-call", content: { args } }];
		expect(await client().postMessage({ ...MESSAGE, parts: crowded })).toMatchObject({ kind: "refused" });
		const said = "Document is too nested (nested 17 levels deep > maximum nesting 16)";
		hosted.failNext({ kind: "status", status: 500, body: { error: said } });
		expect(await client().postMessage(MESSAGE)).toMatchObject({ kind: "refused" });
	});

	test("of a wrong key closes the place, and refuses no message", async () => {
		for (const key of ["osk_wrong", "nonsense", "", "line\nbreak"])
			expect(await client(key).postMessage(MESSAGE)).toMatchObject({ kind: "closed", why: "signedOut" });
		expect(await client("osk_wrong").check()).toMatchObject({ kind: "closed", why: "signedOut" });
		expect(await client().check()).toEqual({ kind: "ok" });
	});

	const faults: [string, Fault, object][] = [
		["a broken connection", { kind: "cut" }, { kind: "retry", isServerError: false }],
		["a lost answer", { kind: "lostReply" }, { kind: "retry", isServerError: false }],
		["no JSON", { kind: "malformed" }, { kind: "retry" }],
		["a server error", { kind: "status", status: 500 }, { kind: "retry", isServerError: true }],
		["a bad gateway", { kind: "status", status: 502, body: "<html>" }, { kind: "retry" }],
		["no time", { kind: "hang" }, { kind: "retry", reason: expect.stringContaining("no answer in time") }],
		[
			"a redirect",
			{ kind: "status", status: 302, headers: { Location: "http://127.0.0.1:1/" } },
			{ kind: "closed" },
		],
		["another site", { kind: "status", status: 404, body: "No matching routes found" }, { kind: "closed" }],
		[
			"errors at 200",
			{ kind: "status", status: 200, body: { ok: true, errors: ["bad"] } },
			{ kind: "refused" },
		],
		["200 without a word of OpenSync", { kind: "status", status: 200, body: {} }, { kind: "retry" }],
		[
			"too many requests",
			{ kind: "status", status: 429, headers: { "Retry-After": "7" } },
			{ kind: "retry", afterMs: 7_000, isServerError: false },
		],
		[
			"a conflict of writes",
			{ kind: "status", status: 500, body: { error: "OptimisticConcurrencyControlFailure" } },
			{ kind: "retry" },
		],
	];
	test.each(faults)("of %s is told apart", async (_name, fault, outcome) => {
		hosted.failNext(fault);
		expect(await client(HOSTED_KEY, 200).postMessage(MESSAGE)).toMatchObject(outcome);
	});

	test("of nobody being there is to be tried again", async () => {
		await hosted.down();
		expect(await client().postMessage(MESSAGE)).toMatchObject({
			kind: "retry",
			afterMs: null,
			isServerError: false,
		});
	});
});

describe("what is recorded", () => {
	test("is read of a session with a thousand newer ones too", async () => {
		hosted.store.postMessage(HOSTED_USER, {
			...{ sessionExternalId: "old", externalId: "old-user-1", role: "user", createdAt: 7 },
		});
		const old = hosted.session("old");
		if (old) old.updatedAt = 1;
		for (let at = 0; at < 1_000; at++) hosted.store.postSession(HOSTED_USER, { externalId: `newer-${at}` });
		expect(await client().recorded("old")).toEqual({
			kind: "held",
			messages: [{ externalId: "old-user-1", createdAt: 7 }],
		});
	});

	test("is read by the session's external id", async () => {
		await client().postMessage(MESSAGE);
		expect(await client().recorded("s")).toEqual({
			kind: "held",
			messages: [{ externalId: "pi:s:e", createdAt: 5 }],
		});
		expect(await client().recorded("other")).toEqual({ kind: "absent" });
		await hosted.down();
		expect(await client().recorded("s")).toEqual({ kind: "unknown" });
	});
});

describe("an address", () => {
	test("is that of an OpenSync by the way it asks for a key, which it is not shown", async () => {
		expect(await whatAnswers({ convexUrl: hosted.convexUrl })).toEqual({
			kind: "openSync",
			siteUrl: hosted.siteUrl,
		});
		expect(await whatAnswers({ convexUrl: hosted.siteUrl })).toEqual({
			kind: "openSync",
			siteUrl: hosted.siteUrl,
		});
		for (const { headers } of hosted.requests) expect(headers.authorization).toBeUndefined();
	});

	test("of any other server that is well is none", async () => {
		const other = await answering({ status: "ok" });
		expect(await whatAnswers({ convexUrl: other, siteUrl: other })).toEqual({
			kind: "unknown",
			isReached: true,
		});
		const guarded = await answering({ error: "Unauthorized" }, 401);
		expect(await whatAnswers({ convexUrl: guarded, siteUrl: guarded })).toMatchObject({ kind: "unknown" });
		const ours = await answering({ status: "ok", name: "pi-opensync", version: 4 });
		expect(await whatAnswers({ convexUrl: ours, siteUrl: ours })).toEqual({ kind: "ours" });
	});

	test("is checked with its key in one sentence", async () => {
		const check = (url: string, apiKey: string) => checkOpenSync({ url, apiKey, version: "1" });
		expect(await check(hosted.siteUrl, HOSTED_KEY)).toMatchObject({ kind: "ok", siteUrl: hosted.siteUrl });
		expect(await check(hosted.siteUrl, "osk_wrong")).toMatchObject({
			message: expect.stringContaining("does not take"),
		});
		expect(await check(hosted.siteUrl, "")).toMatchObject({ message: expect.stringContaining("No key") });
		expect(await check("nonsense", HOSTED_KEY)).toMatchObject({
			message: expect.stringContaining("no address"),
		});
		expect(await check(await answering({ status: "ok" }), HOSTED_KEY)).toMatchObject({
			message: expect.stringContaining("is not OpenSync"),
		});
		await hosted.down();
		expect(await check(hosted.siteUrl, HOSTED_KEY)).toMatchObject({
			message: expect.stringContaining("does not answer"),
		});
	});
});
