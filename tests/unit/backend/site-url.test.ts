import { expect, test } from "bun:test";
import { siteUrlOf } from "../../../src/backend/site-url.ts";
import { isLoopback } from "../../../src/lib/loopback.ts";

test("the site of an address is derived, unless it is given", () => {
	expect(siteUrlOf("http://127.0.0.1:3210")).toBe("http://127.0.0.1:3211");
	expect(siteUrlOf("https://happy-animal-123.convex.cloud")).toBe("https://happy-animal-123.convex.site");
	expect(siteUrlOf("https://convex.example.com")).toBe("https://convex.example.com:444");
	expect(siteUrlOf("http://[::1]:3210/")).toBe("http://[::1]:3211");
	expect(siteUrlOf("http://127.0.0.1:3210", "https://site.example.com/ ")).toBe("https://site.example.com");
	expect(siteUrlOf("http://127.0.0.1:3210", "")).toBe("http://127.0.0.1:3211");
});

test("what is no address has no site", () => {
	for (const text of ["", "nonsense", "ftp://a.example", "127.0.0.1:3210", "http://127.0.0.1:65535"]) {
		expect(siteUrlOf(text)).toBeNull();
	}
	expect(siteUrlOf("http://127.0.0.1:3210", "nonsense")).toBeNull();
});

test("loopback is only this machine", () => {
	for (const url of [
		"http://127.0.0.1:1",
		"http://127.8.9.1",
		"http://localhost:3210",
		"http://[::1]:1",
		"http://a.localhost",
	]) {
		expect(isLoopback(url)).toBe(true);
	}
	for (const url of [
		"http://127.0.0.1.example.com",
		"http://10.0.0.1",
		"https://localhost.example.com",
		"nonsense",
		"",
	]) {
		expect(isLoopback(url)).toBe(false);
	}
});
