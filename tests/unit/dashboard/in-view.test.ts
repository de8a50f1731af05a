import { expect, test } from "bun:test";
import {
	lastSeq,
	startLog,
	withOlder,
	withShown,
} from "../../../src/dashboard/features/transcript/entry-log.ts";
import { STRETCH, stretchesOf } from "../../../src/dashboard/features/transcript/use-in-view.ts";
import { leafToSeek } from "../../../src/dashboard/features/transcript/use-target.ts";
import { agentView, entryView } from "./entry-views.ts";

const view = (at: number, said: string) =>
	agentView({ externalId: `m${at}`, role: "user", textContent: said, createdAt: 1000 + at }, at);
const page = (from: number, to: number) =>
	Array.from({ length: from - to + 1 }, (_, at) => view(from - at, `Message ${from - at}`));

test("what is in view is watched in stretches, each once, wherever it stands", () => {
	const log = withOlder(startLog("s", { entries: page(100, 51), cursor: "m51" }), {
		entries: page(50, 1),
		cursor: null,
	});
	expect(stretchesOf(log.entries, new Set())).toEqual([]);
	expect(stretchesOf(log.entries, new Set(["m1", "m16", "m17", "m100"]))).toEqual([0, STRETCH, 6 * STRETCH]);
	for (let at = 1; at <= 100; at += 1) {
		const [after] = stretchesOf(log.entries, new Set([`m${at}`])) as [number];
		expect(after < at && at <= after + STRETCH).toBe(true);
	}
});

test("a message that says something else takes its place, and nothing else changes", () => {
	const log = startLog("s", { entries: page(40, 1), cursor: null });
	const same = withShown(log, [page(20, 1), undefined]);
	expect(same).toBe(log);
	const changed = withShown(log, [[view(3, "Changed")], [view(30, "Changed too"), view(99, "Not held")]]);
	expect(changed.entries.map(({ entryId }) => entryId)).toEqual(log.entries.map(({ entryId }) => entryId));
	expect(changed.entries.filter((entry, at) => entry !== log.entries[at]).map(({ seq }) => seq)).toEqual([
		3, 30,
	]);
	expect(changed.tails).toBe(log.tails);
});

test("where the session stands is looked for further back, never at its end", () => {
	const log = startLog("s", { entries: [entryView({ seq: 9 }), entryView({ seq: 8 })], cursor: "e8" });
	expect(lastSeq(log)).toBe(9);
	expect(leafToSeek({ via: "pi", leafId: "e2", lastSeq: 9 }, log)).toBe("e2");
	expect(leafToSeek({ via: "pi", leafId: "e12", lastSeq: 12 }, log)).toBeUndefined();
	expect(leafToSeek({ via: "pi", leafId: null, lastSeq: 9 }, log)).toBeUndefined();
	expect(leafToSeek({ via: "openSync", leafId: "e2", lastSeq: 9 }, log)).toBeUndefined();
});
