/** Stored files: up with a one-time address, down whole or in part, gone when removed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mutation, query, type RunningApp, startApp } from "./running-app.ts";

let app: RunningApp;
beforeAll(async () => {
	app = await startApp();
});
afterAll(async () => {
	await app.close();
});

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64");

async function store(
	bytes: Uint8Array<ArrayBuffer>,
	headers: Record<string, string> = {},
): Promise<Response> {
	const address: string = await app.http().mutation(mutation("files:uploadUrl"), {});
	return await fetch(address, { method: "POST", headers, body: bytes });
}

async function stored(
	bytes: Uint8Array<ArrayBuffer>,
	headers: Record<string, string> = {},
): Promise<{ id: string; url: string }> {
	const reply = await store(bytes, headers);
	expect(reply.status).toBe(200);
	const { storageId } = (await reply.json()) as { storageId: string };
	return { id: storageId, url: await app.http().query(query("files:url"), { id: storageId }) };
}

const BYTES = crypto.getRandomValues(new Uint8Array(200_000));

test("A file comes back byte for byte with its type, length and digest", async () => {
	const { url } = await stored(BYTES, { "Content-Type": "image/png", Digest: `sha-256=${sha256(BYTES)}` });
	expect(url).toStartWith(`${app.url}/api/storage/`);
	const reply = await fetch(url);
	expect(Buffer.from(await reply.arrayBuffer()).equals(Buffer.from(BYTES))).toBe(true);
	const header = (name: string) => reply.headers.get(name);
	expect(header("content-type")).toBe("image/png");
	expect(header("content-length")).toBe("200000");
	expect(header("digest")).toBe(`sha-256=${sha256(BYTES)}`);
	expect(header("accept-ranges")).toBe("bytes");
	expect(header("cache-control")).toBe("private, max-age=2592000");
	const head = await fetch(url, { method: "HEAD" });
	expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "200000", ""]);
});

test("Parts of a file are served, impossible parts are not", async () => {
	const { url } = await stored(BYTES);
	const part = async (range: string) => {
		const reply = await fetch(url, { headers: { Range: range } });
		return [
			reply.status,
			reply.headers.get("content-range"),
			Buffer.from(await reply.arrayBuffer()),
		] as const;
	};
	expect(await part("bytes=0-9")).toEqual([206, "bytes 0-9/200000", Buffer.from(BYTES.slice(0, 10))]);
	expect(await part("bytes=199990-")).toEqual([
		206,
		"bytes 199990-199999/200000",
		Buffer.from(BYTES.slice(-10)),
	]);
	expect(await part("bytes=-5")).toEqual([206, "bytes 199995-199999/200000", Buffer.from(BYTES.slice(-5))]);
	expect(await part("bytes=199999-900000")).toEqual([
		206,
		"bytes 199999-199999/200000",
		Buffer.from(BYTES.slice(-1)),
	]);
	for (const range of ["bytes=200000-", "bytes=9-3", "bytes=-", "bytes=-0", "bytes=0-1,4-5", "bytes=a-b"]) {
		expect((await part(range)).slice(0, 2)).toEqual([416, "bytes */200000"]);
	}
	expect((await part("lines=1-2"))[0]).toBe(200);
});

test("An empty file is a file", async () => {
	const { url } = await stored(new Uint8Array(0));
	const reply = await fetch(url);
	expect([reply.status, (await reply.arrayBuffer()).byteLength]).toEqual([200, 0]);
});

test("Content that is not what its digest says is refused and not kept", async () => {
	const reply = await store(BYTES, { Digest: `sha-256=${sha256(new Uint8Array([1]))}` });
	expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([400, "BadDigest"]);
});

test("An upload without a good token is refused", async () => {
	for (const search of ["", "?token=", "?token=made-up"]) {
		const reply = await fetch(`${app.url}/api/storage/upload${search}`, { method: "POST", body: "x" });
		expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([
			401,
			"StorageTokenInvalid",
		]);
	}
});

test("What is not there is 404, and what is no address of a file is 400", async () => {
	expect((await fetch(`${app.url}/api/storage/${crypto.randomUUID()}`)).status).toBe(404);
	for (const name of ["nonsense", "..%2f..%2fetc%2fpasswd", "%00"]) {
		expect((await fetch(`${app.url}/api/storage/${name}`)).status).toBe(400);
	}
});

test("A removed file is gone", async () => {
	const { id, url } = await stored(BYTES);
	await app.http().mutation(mutation("files:remove"), { id });
	expect((await fetch(url)).status).toBe(404);
	expect(await app.http().query(query("files:url"), { id })).toBeNull();
});

test("A stored page can run no script of its own here", async () => {
	const html = new TextEncoder().encode("<script>alert(1)</script>");
	const { url } = await stored(html, { "Content-Type": "text/html" });
	const { headers } = await fetch(url);
	expect(headers.get("content-security-policy")).toContain("sandbox");
	expect(headers.get("x-content-type-options")).toBe("nosniff");
});

test("An upload that breaks off leaves the server well", async () => {
	const address: string = await app.http().mutation(mutation("files:uploadUrl"), {});
	const cut = new AbortController();
	const body = new ReadableStream<Uint8Array>({
		async pull(controller) {
			controller.enqueue(new Uint8Array(10_000));
			cut.abort();
		},
	});
	await expect(fetch(address, { method: "POST", body, signal: cut.signal } as RequestInit)).rejects.toThrow();
	expect((await stored(BYTES)).url).toBeString();
});
