import { expect, test } from "bun:test";
import { isOutwardLink } from "../../../src/dashboard/outward-link.ts";
import { parseRoute, routeHref, signInCode } from "../../../src/dashboard/route.ts";

test("a session's link leads back to it, whatever its id", () => {
	for (const sessionId of ["01a1fd33-c7f3", "with/slash and space", "ü?#&"]) {
		expect(parseRoute(routeHref({ kind: "session", sessionId }))).toEqual({ kind: "session", sessionId });
	}
});

test("a link leads to an entry, opened when it is folded", () => {
	for (const entryId of ["e1", "with/slash?and=&#+ %"]) {
		const route = { kind: "session", sessionId: "s/1", entryId } as const;
		expect(parseRoute(routeHref(route))).toEqual(route);
		expect(parseRoute(routeHref({ ...route, unfold: true }))).toEqual({ ...route, unfold: true });
	}
	expect(parseRoute("#/s/one?entry=")).toEqual({ kind: "session", sessionId: "one" });
	expect(parseRoute("#/s/one?other=1")).toEqual({ kind: "session", sessionId: "one" });
});

test("a search is in its link, with what it is narrowed to", () => {
	for (const query of ["", "two words", "a&b=c#d?e+f%", "ü 中"]) {
		const route = { kind: "search", query } as const;
		expect(parseRoute(routeHref(route))).toEqual(route);
	}
	const narrow = { kind: "search", query: "x", source: "claude-code", of: "tool" } as const;
	expect(parseRoute(routeHref(narrow))).toEqual(narrow);
	expect(parseRoute("#/search?q=x&kind=nonsense&source=")).toEqual({ kind: "search", query: "x" });
});

test("an id that no address can hold makes a link all the same", () => {
	expect(routeHref({ kind: "session", sessionId: "a\ud800" })).toBe("#/s/a%EF%BF%BD");
});

test("everything else is the list", () => {
	for (const hash of ["", "#", "#/", "#/s/", "#/s/%E0%A4", "#/unknown", "#code=abc"])
		expect(parseRoute(hash)).toEqual({ kind: "list" });
});

test("the sign-in code is read from the fragment", () => {
	expect(signInCode("#code=abc-123")).toBe("abc-123");
	expect(signInCode("#/code=a%20b")).toBe("a b");
	expect(signInCode("#code=")).toBeNull();
	expect(signInCode("#/s/code")).toBeNull();
});

test("only the web and mail are linked to", () => {
	for (const href of ["https://a.example/x", "HTTP://a.example", "mailto:a@b.example"])
		expect(isOutwardLink(href)).toBe(true);
	for (const href of [
		undefined,
		"",
		"javascript:alert(1)",
		" javascript:alert(1)",
		"data:text/html,x",
		"#/s/x",
		"/x",
		"vbscript:x",
		"file:///etc",
	]) {
		expect(isOutwardLink(href)).toBe(false);
	}
});
