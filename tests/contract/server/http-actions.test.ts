/** HTTP actions on the site port and below `/http` on the API port. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { request as rawRequest } from "node:http";
import { query, type RunningApp, startApp } from "./running-app.ts";

let app: RunningApp;
beforeAll(async () => {
	app = await startApp();
});
afterAll(async () => {
	await app.close();
});

const places = () => [app.siteUrl, `${app.url}/http`];

test("An action answers on both ports, and sees its public address", async () => {
	for (const place of places()) {
		const reply = await fetch(`${place}/hello?a=1&b=%20x`);
		expect(reply.status).toBe(200);
		expect(reply.headers.get("x-extra")).toBe("1");
		const { host } = new URL(place);
		expect(await reply.text()).toBe(`hello from http://${host}/hello?a=1&b=%20x`);
	}
	const proxied = await fetch(`${app.siteUrl}/hello`, { headers: { "X-Forwarded-Proto": "https" } });
	expect(await proxied.text()).toStartWith("hello from https://");
});

test("An action runs a mutation and chooses its status", async () => {
	for (const place of places()) {
		const reply = await fetch(`${place}/notes`, {
			method: "POST",
			body: JSON.stringify({ room: "site", text: place }),
		});
		expect(reply.status).toBe(201);
		expect(((await reply.json()) as { id: string }).id).toBeString();
	}
	expect(await app.http().query(query("notes:list"), { room: "site" })).toEqual(places());
});

test("A body goes in and out byte for byte, under a prefix route, with every cookie", async () => {
	const body = crypto.getRandomValues(new Uint8Array(60_000));
	const reply = await fetch(`${app.siteUrl}/echo/any/thing`, { method: "POST", body });
	expect(Buffer.from(await reply.arrayBuffer()).equals(Buffer.from(body))).toBe(true);
	expect(reply.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
});

test("HEAD runs the GET handler and sends no body", async () => {
	const reply = await fetch(`${app.siteUrl}/hello`, { method: "HEAD" });
	expect([reply.status, reply.headers.get("x-extra"), await reply.text()]).toEqual([200, "1", ""]);
});

test("A streamed answer arrives part by part", async () => {
	const reply = await fetch(`${app.siteUrl}/stream`);
	expect(await reply.text()).toBe("part 0\npart 1\npart 2\npart 3\npart 4\n");
});

test("What has no route is 404", async () => {
	for (const place of places()) {
		const reply = await fetch(`${place}/nowhere`);
		expect([reply.status, await reply.text()]).toEqual([404, "No matching routes found"]);
		expect((await fetch(`${place}/hello`, { method: "DELETE" })).status).toBe(404);
	}
});

test("An action that throws is 500 with the error's text and no paths of this machine", async () => {
	const reply = await fetch(`${app.siteUrl}/boom`);
	expect(reply.status).toBe(500);
	const text = await reply.text();
	expect(text).toContain("broken on purpose");
	expect(text).not.toContain(process.cwd());
});

test("A body above 20 MiB is refused", async () => {
	const reply = await fetch(`${app.siteUrl}/echo/big`, {
		method: "POST",
		body: new Uint8Array(21 * 1024 * 1024),
	}).catch(() => null);
	if (reply) expect(reply.status).toBe(413);
	expect((await fetch(`${app.siteUrl}/hello`)).status).toBe(200);
});

/** A request whose address no URL parser has touched. */
function raw(path: string, method = "GET"): Promise<{ status: number; text: string }> {
	const { hostname, port } = new URL(app.siteUrl);
	return new Promise((resolve, reject) => {
		const sent = rawRequest({ hostname, port, path, method, agent: false }, (reply) => {
			let text = "";
			reply.setEncoding("utf8");
			reply.on("data", (part) => {
				text += part;
			});
			reply.on("end", () => resolve({ status: reply.statusCode ?? 0, text }));
		});
		sent.on("error", reject);
		sent.end();
	});
}

test("Odd addresses are paths or bad requests, never another host's", async () => {
	expect((await raw("//evil.example/hello")).status).toBe(404);
	expect((await raw("/../hello")).text).toContain("/hello");
	expect((await raw("/%")).status).toBe(404);
	expect((await raw("*", "OPTIONS")).status).toBe(400);
	expect((await raw("http://evil.example/hello")).text).not.toContain("evil.example");
});

test("Nothing went wrong on the server meanwhile", () => {
	expect(app.logged.filter((line) => /failed:/.test(line))).toEqual([]);
});
