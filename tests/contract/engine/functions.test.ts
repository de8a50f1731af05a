/** What functions may do and how they fail, where the real backend, not convex-test, is the measure. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
	ADMIN,
	CallFailed,
	cleanUp,
	NOBODY,
	type TestEngine,
	testEngine,
} from "../../support/test-engine.ts";

let t: TestEngine;
const engineLog: string[] = [];

beforeAll(async () => {
	t = await testEngine({ env: { FLAVOUR: "mint" }, log: (line) => engineLog.push(line) });
});
afterAll(cleanUp);

async function failureOf(call: Promise<unknown>): Promise<CallFailed> {
	try {
		await call;
	} catch (error) {
		if (error instanceof CallFailed) return error;
		throw error;
	}
	throw new Error("the call succeeded");
}

describe("errors", () => {
	test("an error names its text and the place in the app's own file", async () => {
		const { message } = await failureOf(t.query("errors:plain"));
		expect(message).toMatch(
			/^Server Error\nUncaught Error: plain failure\n {4}at handler \(\.\.\/convex-app\/errors\.ts:7:\d+\)\n/,
		);
	});

	test("a ConvexError carries its data, null too", async () => {
		expect((await failureOf(t.mutation("errors:typed", { data: { code: "x" } }))).data).toEqual({
			code: "x",
		});
		const outcome = await t.mutationOutcome("errors:typed", { data: null });
		expect(outcome).toMatchObject({ kind: "error", errorDataJson: "null", ts: null });
		expect(await t.query("nesting:texts")).toEqual([]);
	});

	test("an unknown function and an internal one look the same to a client", async () => {
		for (const path of ["no:such", "nesting:countNotes"]) {
			const { message } = await failureOf(t.query(path));
			expect(message).toBe(
				`Server Error\nCould not find public function for '${path}'. Did you forget to run \`npx convex dev\`?\n`,
			);
		}
		expect(await t.as(ADMIN).query("nesting:countNotes")).toBe(0);
	});

	test("the wrong kind is named", async () => {
		const { message } = await failureOf(t.query("users:create", { name: "x", email: "y" }));
		expect(message).toContain("Trying to execute users.js:create as Query, but it is defined as Mutation.");
	});

	test("argument and result validators say path, value and validator", async () => {
		const wrongType = await failureOf(t.mutation("users:create", { name: 5, email: "x" }));
		expect(wrongType.message).toContain(
			"ArgumentValidationError: Value does not match validator.\nPath: .name\nValue: 5.0\nValidator: v.string()",
		);
		const missing = await failureOf(t.mutation("users:create", { name: "x" }));
		expect(missing.message).toContain(
			"ArgumentValidationError: Object is missing the required field `email`.",
		);
		const extra = await failureOf(t.query("users:all", { more: 1 }));
		expect(extra.message).toContain(
			"ArgumentValidationError: Object contains extra field `more` that is not in the validator.",
		);
		expect((await failureOf(t.query("users:badReturn"))).message).toContain(
			"ReturnsValidationError: Value does not match validator.",
		);
	});

	test("the schema's refusal names the table", async () => {
		const { message } = await failureOf(t.mutation("users:createUnchecked", { value: { name: "x" } }));
		expect(message).toContain(
			'Failed to insert or update a document in table "users" because it does not match the schema: Object is missing the required field `email`.',
		);
	});

	test("a promise that never resolves is noticed", async () => {
		expect((await failureOf(t.query("errors:neverResolves"))).message).toContain(
			"Returned promise will never resolve",
		);
	});

	test("what a function leaves running cannot touch the next one's transaction", async () => {
		await t.mutation("errors:leftRunning");
		const kept = (await t.query("nesting:texts")).length;
		await t.mutation("things:manyInserts", { count: 3 });
		expect((await t.query("nesting:texts")).length).toBe(kept);
	});

	test("network and timers are refused in queries and mutations", async () => {
		expect((await failureOf(t.query("errors:fetches"))).message).toContain(
			"Can't use fetch() in queries and mutations. Please consider using an action.",
		);
		expect((await failureOf(t.mutation("errors:sleeps"))).message).toContain(
			"Can't use setTimeout in queries and mutations.",
		);
	});

	test("nested failures keep the text of the inner one; too deep a nesting is refused", async () => {
		expect((await failureOf(t.mutation("nesting:outer", { fail: "yes", rethrow: true }))).message).toContain(
			"Uncaught Error: Uncaught Error: inner failed",
		);
		expect((await failureOf(t.mutation("nesting:wrongArgs"))).message).toContain("ArgumentValidationError");
		expect(await t.as(ADMIN).mutation("nesting:deep", { depth: 7 })).toBe(7);
		await failureOf(t.as(ADMIN).mutation("nesting:deep", { depth: 12 }));
	});

	test("an operation issued beside a failing nested call is not undone with it", async () => {
		const before = await t.as(ADMIN).query("nesting:countNotes");
		expect(await t.mutation("nesting:together")).toBe(before + 1);
	});
});

describe("surroundings", () => {
	test("log lines have levels and inspected arguments", async () => {
		const outcome = await t.queryOutcome("errors:logs");
		expect(outcome.logLines).toEqual([
			"[LOG] 'hello' { a: 1, list: [ 1, 'two' ] }",
			"[WARN] 'careful'",
			"[ERROR] 1970-01-01T00:00:00.000Z null undefined 5n",
		]);
		expect(engineLog).toContain("errors:logs [WARN] 'careful'");
	});

	test("log lines have a limit in number and length", async () => {
		const { logLines } = await t.queryOutcome("errors:manyLogs", { count: 1000 });
		expect(logLines).toHaveLength(257);
		expect(logLines.at(-1)).toContain("Log overflow (maximum 256)");
		const [long] = (await t.queryOutcome("errors:manyLogs", { count: 0 })).logLines;
		expect(long?.length).toBe(32 * 1024);
	});

	test("time stands still and chance is fresh each time", async () => {
		expect(await t.query("errors:time")).toMatchObject({ stood: true, isDate: true });
		const [first, second] = [await t.query("errors:chance"), await t.query("errors:chance")];
		expect(first.slice(2)).toEqual([1, 2]);
		expect(first[0]).not.toBe(first[1]);
		expect(first[0]).not.toBe(second[0]);
	});

	test("hashing, which takes a while, is waited for", async () => {
		expect(await t.query("errors:hashes", { text: "abc" })).toStartWith("ba7816bf");
	});

	test("process.env is the app's own", async () => {
		expect(await t.query("errors:env")).toEqual(["mint", "http://cloud.test", null]);
	});

	test("auth.config.ts is resolved with the app's environment", async () => {
		expect(t.engine.authProviders).toEqual([{ domain: "https://issuer.example", applicationID: "app" }]);
	});

	test("the caller's identity reaches functions, and nested calls", async () => {
		const identity = { tokenIdentifier: "iss|me", issuer: "iss", subject: "me", role: "owner" };
		expect(await t.as({ ...NOBODY, identity }).query("meta:whoAmI")).toEqual(identity);
		expect(await t.query("meta:whoAmI")).toBeNull();
		expect(await t.as({ ...NOBODY, identity }).action("files:slowEcho", { text: "x", waitMs: 1 })).toBe("me");
	});

	test("a function can ask about itself", async () => {
		const about = await t.as({ ...NOBODY, ip: "10.0.0.1", userAgent: "ua" }).mutation("meta:about");
		expect(about.fn).toMatchObject({
			name: "meta:about",
			componentPath: "",
			type: "mutation",
			visibility: "public",
		});
		expect(about.request).toMatchObject({ ip: "10.0.0.1", userAgent: "ua", scheduledFunctionId: null });
		expect(about.metrics.documentsWritten).toEqual({ used: 1, remaining: 15_999 });
	});

	test("functions are listed with kind and visibility", () => {
		expect(t.engine.functions.get("nested/deeper/leaf:default")).toMatchObject({
			kind: "query",
			visibility: "public",
		});
		expect(t.engine.functions.get("nesting:writeNote")).toMatchObject({
			kind: "mutation",
			visibility: "internal",
		});
		expect(
			[...t.engine.functions.keys()].some((path) => path.startsWith("schema") || path.startsWith("not.")),
		).toBe(false);
	});

	test("an admin runs functions of any kind by path", async () => {
		const { engine } = t;
		expect(await engine.run("nested/deeper/leaf", "[{}]", ADMIN)).toMatchObject({
			kind: "ok",
			valueJson: "42",
		});
		expect(await engine.run("messages:send", '[{"channel":"run","n":1}]', ADMIN)).toMatchObject({
			kind: "ok",
		});
		expect(await engine.run("files:orchestrate", '[{"text":"run"}]', ADMIN)).toMatchObject({ kind: "ok" });
	});
});

describe("documents", () => {
	test("ids have Convex's form and belong to their table", async () => {
		const id = await t.mutation("messages:send", { channel: "ids", n: 1 });
		expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{32}$/);
		expect(await t.query("users:normalize", { table: "messages", id })).toBe(id);
		expect(await t.query("users:normalize", { table: "users", id })).toBeNull();
		expect(await t.query("users:normalize", { table: "users", id: "nonsense" })).toBeNull();
		expect((await failureOf(t.query("users:get", { id }))).message).toContain(
			`Found ID "${id}" from table \`messages\`, which does not match the table name in validator \`v.id("users")\`.`,
		);
		expect((await failureOf(t.query("users:getByText", { id: "nonsense" }))).message).toContain(
			"Invalid argument `id` for `db.get`: Unable to decode ID",
		);
		expect(await t.query("users:getWithTable", { table: "messages", id })).toMatchObject({ n: 1 });
		expect((await failureOf(t.query("users:getWithTable", { table: "users", id }))).message).toContain(
			'Invalid argument `id` for `db.get`: expected to be an Id<"users">, got Id<"messages"> instead.',
		);
	});

	test("system tables are only for db.system", async () => {
		const file = await t.action("files:storeText", { text: "x" });
		expect((await failureOf(t.query("users:getByText", { id: file }))).message).toContain(
			"System tables can only be accessed with db.system.",
		);
		expect((await failureOf(t.mutation("things:newTable", { table: "_storage" }))).message).toContain(
			"read-only",
		);
	});

	test("creation times rise with every insert", async () => {
		await t.mutation("messages:sendMany", { channel: "times", from: 0, count: 50 });
		const rows = (await t.query("things:inTable", { table: "messages" })) as number;
		expect(rows).toBeGreaterThanOrEqual(50);
		expect(await t.query("messages:list", { channel: "times" })).toEqual(
			Array.from({ length: 50 }, (_, i) => i),
		);
	});

	test("a loop sees what it writes itself", async () => {
		await t.mutation("messages:sendMany", { channel: "loop", from: 1, count: 3 });
		expect(await t.mutation("messages:changeWhileReading", { channel: "loop" })).toEqual([1, 1.5, 2, 3]);
		expect(await t.query("messages:list", { channel: "loop" })).toEqual([1, 1.5, 3]);
	});

	test("a commit timestamp placeholder becomes the timestamp of the commit", async () => {
		const outcome = await t.mutationOutcome("meta:commitTime");
		const id = JSON.parse((outcome as { valueJson: string }).valueJson);
		expect((await t.query("meta:thing", { id })).key).toBe(outcome.ts);
	});

	test("arithmetic in filters", async () => {
		await t.mutation("messages:sendMany", { channel: "sum", from: 3, count: 1 });
		expect(await t.query("messages:filtered", { expression: "arithmetic", value: 5 })).toContain(3);
		await failureOf(t.query("messages:filtered", { expression: "wrong", value: 0 }));
		await failureOf(t.query("messages:filtered", { expression: "notBoolean", value: 0 }));
	});

	test("bad index ranges say what is wrong", async () => {
		expect((await failureOf(t.query("things:badRange", { kind: "order" }))).message).toContain(
			"InvalidIndexRange",
		);
		expect((await failureOf(t.query("things:badRange", { kind: "field" }))).message).toContain(
			"FieldNotInIndex",
		);
		expect((await failureOf(t.query("things:badRange", { kind: "twice" }))).message).toContain(
			"AlreadyDefinedBound",
		);
		expect((await failureOf(t.query("things:badRange", { kind: "two" }))).message).toContain(
			"BoundsOnMultipleFields",
		);
	});
});

describe("limits", () => {
	test("documents, arrays and nesting have a largest size", async () => {
		const put = (key: unknown) => failureOf(t.mutation("things:put", { key, label: "x" }));
		expect((await put("x".repeat(1024 * 1024))).message).toContain("Value is too large");
		expect((await put(Array.from({ length: 8193 }, () => 1))).message).toContain("Array length is too long");
		let deep: unknown = 1;
		for (let i = 0; i < 17; i++) deep = [deep];
		expect((await put(deep)).message).toContain("too nested");
		expect(
			(await put(Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`f${i}`, 1])))).message,
		).toContain("too many fields");
	});

	test("a function reads and writes only so many documents", async () => {
		expect((await failureOf(t.mutation("things:manyInserts", { count: 16_001 }))).message).toContain(
			"TooManyWrites",
		);
		expect((await t.query("things:inOrder")).length).toBeLessThan(20);
		for (let i = 0; i < 3; i++) await t.mutation("things:manyInserts", { count: 11_000 });
		expect((await failureOf(t.query("things:inOrder"))).message).toContain("TooManyDocumentsRead");
	}, 30_000);

	test("a nested call may have tighter limits", async () => {
		await t.mutation("messages:sendMany", { channel: "a", from: 0, count: 5 });
		expect(await t.query("meta:limited", { documentsRead: 5 })).toHaveLength(5);
		expect((await failureOf(t.query("meta:limited", { documentsRead: 4 }))).message).toContain("(limit: 4)");
	});
});
