import { expect, test } from "bun:test";
import { startLog } from "../../../src/dashboard/features/transcript/entry-log.ts";
import { targetIn } from "../../../src/dashboard/features/transcript/use-target.ts";
import { entryView } from "./entry-views.ts";

const log = startLog("s", { entries: [entryView({ seq: 9 }), entryView({ seq: 8 })], cursor: "e8" });
const whole = { ...log, cursor: null };
const nothing = (): void => {};

test("an entry that is loaded is here, whatever was looked for before", () => {
	expect(targetIn("e9", log, null, nothing)).toEqual({ kind: "here", entryId: "e9" });
	expect(targetIn("e9", log, { entryId: "e1", isThere: false }, nothing).kind).toBe("here");
	expect(targetIn(undefined, log, null, nothing)).toEqual({ kind: "none" });
});

test("one that is not is sought, once", () => {
	expect(targetIn("e1", null, null, nothing).kind).toBe("seeking");
	expect(targetIn("e1", log, null, nothing).kind).toBe("seeking");
	expect(targetIn("e1", log, { entryId: "e2", isThere: true }, nothing).kind).toBe("seeking");
	expect(targetIn("e1", log, { entryId: "e1", isThere: false }, nothing).kind).toBe("missing");
	expect(targetIn("e1", whole, { entryId: "e1", isThere: true }, nothing).kind).toBe("missing");
});

test("one further back than was looked waits to be asked for again", () => {
	const asked: string[] = [];
	const target = targetIn("e1", log, { entryId: "e1", isThere: true }, (entryId) => asked.push(entryId));
	expect(target.kind).toBe("far");
	if (target.kind === "far") target.goOn();
	expect(asked).toEqual(["e1"]);
});
