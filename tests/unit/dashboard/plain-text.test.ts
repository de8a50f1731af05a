import { expect, test } from "bun:test";
import { cutText, firstLine, plainText } from "../../../src/lib/plain-text.ts";

test("terminal escapes leave nothing behind", () => {
	expect(plainText("\u001b[31mred\u001b[0m and \u001b[1;38;5;200mbold\u001b[m")).toBe("red and bold");
	expect(plainText("\u001b]0;window title\u0007text")).toBe("text");
	expect(plainText("\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\")).toBe("link");
	expect(plainText("a\u001b(Bb\u001bMc")).toBe("abc");
	expect(plainText("unfinished \u001b]0;title")).toBe("unfinished ");
});

test("control characters go, tabs and newlines stay", () => {
	expect(plainText("a\u0000b\u0008c\td\ne\u007f\u009b31mf")).toBe("abc\td\nef");
});

test("a line rewritten with carriage returns shows its last state", () => {
	expect(plainText("10%\r50%\r100%\nnext\r\nlast\r")).toBe("100%\nnext\nlast");
});

test("text without anything to drop is given back as it is", () => {
	const text = "plain — עברית 日本語 🙂\n\tindented";
	expect(plainText(text)).toBe(text);
});

test("a megabyte of text without line breaks is cleaned at once", () => {
	const text = `${"x".repeat(1_000_000)}\u001b`;
	expect(plainText(text)).toHaveLength(1_000_000);
});

test("a cut never halves a surrogate pair", () => {
	expect(cutText("ab🙂cd", 3)).toEqual({ shown: "ab", hidden: 4 });
	expect(cutText("ab🙂cd", 4)).toEqual({ shown: "ab🙂", hidden: 2 });
	expect(cutText("ab", 2)).toEqual({ shown: "ab", hidden: 0 });
});

test("the first line skips blank ones and says when there is more", () => {
	expect(firstLine("\n\n  hello\nworld", 80)).toBe("hello…");
	expect(firstLine("hello", 80)).toBe("hello");
	expect(firstLine("hello world", 5)).toBe("hello…");
	expect(firstLine("", 5)).toBe("");
});
