import { expect, test } from "bun:test";
import { isOutwardLink } from "../../../src/dashboard/outward-link.ts";
import { parseRoute, routeHref, signInCode } from "../../../src/dashboard/route.ts";

test("a session's link leads back to it, whatever its id", () => {
	for (const sessionId of ["01a1fd33-c7f3", "with/slash and space", "ü?#&"]) {
		expect(parseRoute(routeHref({ kind: "session", sessionId }))).toEqual({ kind: "session", sessionId });
	}
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
