import { expect, test } from "bun:test";
import {
	apiOf,
	fileOf,
	originOf,
	siteCandidates,
} from "../../../src/dashboard/features/connection/address.ts";
import { findBackend } from "../../../src/dashboard/features/connection/find-backend.ts";
import { PROTOCOL_VERSION } from "../../../src/protocol/version.ts";

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const fetchFrom = (answers: Record<string, unknown>) =>
	(async (url: string | URL | Request) => {
		const answer = answers[String(url)];
		if (answer === undefined) throw new TypeError("refused");
		return json(answer);
	}) as typeof fetch;

test("what a person types becomes an origin, or nothing", () => {
	expect(originOf(" http://127.0.0.1:3211/#/s/x ")).toBe("http://127.0.0.1:3211");
	expect(originOf("127.0.0.1:3211")).toBe("http://127.0.0.1:3211");
	expect(originOf("https://a.convex.site/")).toBe("https://a.convex.site");
	for (const text of ["", "  ", "ftp://x", "javascript:alert(1)", "http://"])
		expect(originOf(text)).toBeNull();
});

test("an API address leads to its site", () => {
	expect(siteCandidates("https://happy-cat-1.convex.cloud")).toEqual([
		"https://happy-cat-1.convex.cloud",
		"https://happy-cat-1.convex.site",
	]);
	expect(siteCandidates("http://127.0.0.1:3210")).toEqual(["http://127.0.0.1:3210", "http://127.0.0.1:3211"]);
	expect(siteCandidates("https://pi.example")).toEqual(["https://pi.example"]);
});

test("the site names its API; without that the usual rules hold", () => {
	expect(apiOf("http://127.0.0.1:3211", "http://127.0.0.1:9000")).toBe("http://127.0.0.1:9000");
	expect(apiOf("http://127.0.0.1:3211", undefined)).toBe("http://127.0.0.1:3210");
	expect(apiOf("https://happy-cat-1.convex.site", null)).toBe("https://happy-cat-1.convex.cloud");
	expect(apiOf("https://pi.example", undefined)).toBe("https://pi.example");
});

test("a loopback API seen from another machine is on the site's host", () => {
	expect(apiOf("http://192.168.1.5:3211", "http://127.0.0.1:3210")).toBe("http://192.168.1.5:3210");
	expect(apiOf("http://localhost:3211", "http://127.0.0.1:3210")).toBe("http://127.0.0.1:3210");
});

test("a backend is found by its site or by its API address", async () => {
	const health = { name: "pi-opensync", version: PROTOCOL_VERSION, convexUrl: "http://127.0.0.1:3210" };
	const address = { siteUrl: "http://127.0.0.1:3211", apiUrl: "http://127.0.0.1:3210" };
	const fetching = fetchFrom({ "http://127.0.0.1:3211/health": health });
	expect(await findBackend("http://127.0.0.1:3211", fetching)).toEqual({ kind: "found", address });
	expect(await findBackend("127.0.0.1:3210", fetching)).toEqual({ kind: "found", address });
});

test("each way of not finding one has its sentence", async () => {
	const reasonFor = async (text: string, answers: Record<string, unknown>) => {
		const found = await findBackend(text, fetchFrom(answers));
		return found.kind === "failed" ? found.reason : "found";
	};
	expect(await reasonFor("http://127.0.0.1:1", {})).toContain("Nothing answers at http://127.0.0.1:1");
	expect(await reasonFor("https://a.example", { "https://a.example/health": { name: "else" } })).toContain(
		"is not a pi-opensync backend",
	);
	expect(await reasonFor("ftp://x", {})).toContain("is not a web address");
	const newer = { "https://a.example/health": { name: "pi-opensync", version: 99 } };
	expect(await reasonFor("https://a.example", newer)).toContain("speaks version 99");
});

test("a file is fetched from where the API is reached", () => {
	const file = "http://127.0.0.1:3210/api/storage/x?y=1";
	expect(fileOf("http://127.0.0.1:3210", file)).toBe(file);
	expect(fileOf("http://localhost:3210", file)).toBe(file);
	expect(fileOf("https://box.lan:8443", file)).toBe("https://box.lan:8443/api/storage/x?y=1");
	expect(fileOf("http://box.lan:3210", "https://files.example/x")).toBe("https://files.example/x");
	expect(fileOf("http://box.lan:3210", "no address")).toBe("no address");
});
