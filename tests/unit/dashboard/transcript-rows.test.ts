import { expect, test } from "bun:test";
import { callHint } from "../../../src/dashboard/features/transcript/tool-hint.ts";
import { callsIn, type Row, rowsOf } from "../../../src/dashboard/features/transcript/transcript-rows.ts";
import { called, entryView, resulted, said } from "./entry-views.ts";

const always = () => true;
const NONE: ReadonlyMap<string, Row> = new Map();

test("results stand with their calls, in whatever order they came", () => {
	const entries = [
		entryView({ seq: 1, body: called("a", "b") }),
		entryView({ seq: 2, body: resulted("b", "second") }),
		entryView({ seq: 3, body: resulted("a", "first") }),
	];
	const rows = rowsOf(entries, always, NONE);
	expect(rows).toHaveLength(1);
	expect(rows[0]?.results.get("a")?.parts).toEqual([{ kind: "text", text: "first" }]);
	expect(rows[0]?.results.get("b")?.parts).toEqual([{ kind: "text", text: "second" }]);
});

test("a result whose call is not loaded stands alone", () => {
	const rows = rowsOf([entryView({ seq: 2, body: resulted("z") })], always, NONE);
	expect(rows.map((row) => row.model?.kind)).toEqual(["toolResult"]);
});

test("only the row that changes loses its identity", () => {
	const entries = [entryView({ seq: 1, body: said("user", "hi") }), entryView({ seq: 2, body: called("a") })];
	const before = rowsOf(entries, always, NONE);
	const byKey = new Map(before.map((row) => [row.key, row]));
	const after = rowsOf([...entries, entryView({ seq: 3, body: resulted("a") })], always, byKey);
	expect(after[0]).toBe(before[0] as Row);
	expect(after[1]).not.toBe(before[1] as Row);
	expect(rowsOf(entries, always, byKey)).toEqual(before);
});

test("the calls of an answer are known by their ids", () => {
	const [row] = rowsOf([entryView({ seq: 1, body: called("a", "b") })], always, NONE);
	expect(callsIn(row?.model ?? null)).toEqual(["a", "b"]);
	expect(callsIn(null)).toEqual([]);
});

test("a call is hinted at by its most telling argument", () => {
	expect(callHint("bash", '{"timeout":3,"command":"ls -la\\nmore"}')).toBe("ls -la…");
	expect(callHint("read", '{"limit":10,"path":"src/a.ts"}')).toBe("src/a.ts");
	expect(callHint("other", '{"whatever":"told"}')).toBe("told");
	expect(callHint("other", '{"count":3}')).toBe('{"count":3}');
	expect(callHint("none", "{}")).toBe("");
});

test("a call that is still being said is hinted at already", () => {
	expect(callHint("bash", '{"command":"npm run te')).toBe("npm run te");
	expect(callHint("bash", '{"command":"echo \\"a')).toBe('echo "a');
	expect(callHint("bash", "")).toBe("");
});
