/** The same functions and the same calls on `convex-test` and on the engine: results must agree. */
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { makeFunctionReference } from "convex/server";
import { ConvexError, type Value } from "convex/values";
import { convexTest } from "convex-test";
import { entryPoints } from "../../../src/engine/functions/bundle-functions.ts";
import schema from "../../fixtures/convex-app/schema.ts";
import { APP, CallFailed, cleanUp, type Loose, testEngine } from "../../support/test-engine.ts";

afterEach(cleanUp);

/** Calls by step: `$name` in arguments stands for the result of the step of that name. */
type Step = {
	as?: string;
	kind: "query" | "mutation" | "action";
	path: string;
	args?: Record<string, unknown>;
};
type Seen = { ok: unknown } | { failed: true; data?: unknown };

interface Backend {
	call(step: Step, args: Record<string, unknown>): Promise<unknown>;
}

function modules(): Record<string, () => Promise<unknown>> {
	const loaders = entryPoints(APP).map((path): [string, () => Promise<unknown>] => [
		`./${path}`,
		() => import(join(APP, path)),
	]);
	return Object.fromEntries([...loaders, ["./_generated/api.js", async () => ({})]]);
}

function onConvexTest(): Backend {
	const backend = convexTest(schema, modules());
	return {
		call: ({ kind, path }, args) => {
			const reference = makeFunctionReference<Loose>(path) as Loose;
			return (backend as Loose)[kind](reference, args);
		},
	};
}

async function onEngine(): Promise<Backend> {
	const engine = await testEngine();
	return { call: ({ kind, path }, args) => engine[kind](path, args) };
}

async function run(backend: Backend, steps: readonly Step[]): Promise<Seen[]> {
	const named = new Map<string, unknown>();
	const seen: Seen[] = [];
	for (const step of steps) {
		const args = Object.fromEntries(
			Object.entries(step.args ?? {}).map(([name, value]) => [
				name,
				typeof value === "string" && value.startsWith("$") ? named.get(value.slice(1)) : value,
			]),
		);
		try {
			const result = (await backend.call(step, args)) ?? null;
			if (step.as) named.set(step.as, result);
			seen.push({ ok: withoutIds(result, named) });
		} catch (error) {
			const data =
				error instanceof ConvexError ? error.data : error instanceof CallFailed ? error.data : undefined;
			seen.push(
				data === undefined
					? { failed: true }
					: { failed: true, data: typeof data === "string" ? parsed(data) : data },
			);
		}
	}
	return seen;
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/** As the engine makes ids, and as convex-test does. */
const ID = /^([0-9a-hjkmnp-tv-z]{32}|\d{20,}[a-z_]+)$/;
/** Made by each backend in its own way. */
const OWN_FIELDS = [
	"_creationTime",
	"continueCursor",
	"splitCursor",
	"scheduledTime",
	"completedTime",
	"contentType",
];

/** Ids and times differ between backends; an id reads as the name of the step that made it. */
function withoutIds(value: unknown, named: ReadonlyMap<string, unknown>): unknown {
	for (const [name, known] of named) if (typeof value === "string" && value === known) return `$${name}`;
	if (typeof value === "string" && ID.test(value)) return "an id";
	if (Array.isArray(value)) return value.map((item) => withoutIds(item, named));
	if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([field]) => !OWN_FIELDS.includes(field))
			.map(([field, item]) => [field, withoutIds(item, named)]),
	);
}

const q = (path: string, args?: Record<string, unknown>, as?: string): Step => ({
	kind: "query",
	path,
	...(args && { args }),
	...(as && { as }),
});
const m = (path: string, args?: Record<string, unknown>, as?: string): Step => ({
	kind: "mutation",
	path,
	...(args && { args }),
	...(as && { as }),
});

const ANN = { name: "Ann", email: "ann@x", age: 30, address: { city: "Oslo" } };
const BOB = { name: "Bob", email: "bob@x", age: 20, address: { city: "Oslo" } };
const CYN = { name: "Cyn", email: "cyn@x", address: { city: "Oslo" } };
const DAN = { name: "Dan", email: "dan@x", age: 40, address: { city: "Rome" } };
const USERS = [
	m("users:create", ANN, "ann"),
	m("users:create", BOB, "bob"),
	m("users:create", CYN, "cyn"),
	m("users:create", DAN, "dan"),
];

const KEYS: Value[] = [
	null,
	0n,
	5n,
	-5n,
	2n ** 62n,
	-0,
	0,
	1.5,
	-1.5,
	Number.POSITIVE_INFINITY,
	Number.NEGATIVE_INFINITY,
	true,
	false,
	"",
	"a",
	"b",
	"é",
	"𐍈",
	"�",
	[],
	[1],
	[1, 2],
	["a"],
	{},
	{ a: 1 },
	{ a: 2 },
	{ b: 1 },
];

const send = (channel: string, n: number, body?: string): Step =>
	m("messages:send", body === undefined ? { channel, n } : { channel, n, body });
const page = (opts: Record<string, unknown>, more: Record<string, unknown> = {}): Step =>
	q("messages:page", { channel: "a", paginationOpts: { cursor: null, ...opts }, ...more });

const SCENARIOS: Record<string, Step[]> = {
	"documents are created, read, changed and removed": [
		...USERS,
		q("users:get", { id: "$ann" }),
		m("users:patch", { id: "$ann", changes: { age: 31, address: { city: "Bergen" } } }),
		m("users:patch", { id: "$ann", changes: {}, unset: ["age"] }),
		m("users:replace", { id: "$bob", value: { name: "Rob", email: "rob@x" } }),
		m("users:remove", { id: "$cyn" }),
		q("users:get", { id: "$cyn" }),
		m("users:remove", { id: "$cyn" }),
		m("users:patch", { id: "$cyn", changes: { age: 1 } }),
		m("users:replace", { id: "$cyn", value: { name: "x", email: "y" } }),
		q("users:all"),
		q("users:names"),
	],
	"an index finds by equality, by range and in both directions": [
		...USERS,
		q("users:byEmail", { email: "bob@x" }),
		q("users:byEmail", { email: "nobody" }),
		m("users:create", { ...BOB, name: "Bob2" }),
		q("users:byEmail", { email: "bob@x" }),
		q("users:byCity", { city: "Oslo" }),
		q("users:byCity", { city: "Oslo", order: "desc" }),
		q("users:byCity", { city: "Oslo", from: 20 }),
		q("users:byCity", { city: "Oslo", below: 30 }),
		q("users:byCity", { city: "Oslo", from: 20, below: 30 }),
		q("users:byCity", { city: "Nowhere" }),
	],
	"schema, arguments and results are validated": [
		m("users:createUnchecked", { value: { name: "x" } }),
		m("users:createUnchecked", { value: { ...ANN, extra: 1 } }),
		m("users:createUnchecked", { value: { ...ANN, age: "30" } }),
		m("users:create", { name: 5, email: "x" }),
		m("users:create", { ...ANN, unknown: true }),
		...USERS,
		m("users:patch", { id: "$ann", changes: { age: "old" } }),
		m("users:patch", { id: "$ann", changes: { nothing: 1 } }),
		q("users:badReturn"),
		q("users:get", { id: "no id" }),
	],
	"every kind of value keeps its value and its place": [
		...KEYS.map((key, i) => m("things:put", { key, label: `k${i}` })),
		m("things:put", { label: "missing" }),
		q("things:inOrder"),
		q("things:inOrder", { order: "desc" }),
		...KEYS.map((value) => m("things:storeAndRead", { value })),
		q("things:echo", {
			value: {
				bytes: new Uint8Array([1, 2, 0, 255]).buffer,
				nested: [{ big: 2n ** 63n - 1n }],
				nan: Number.NaN,
			},
		}),
	],
	"index bounds follow the order of values": [
		...KEYS.map((key, i) => m("things:put", { key, label: `k${i}` })),
		m("things:put", { label: "missing" }),
		...["eq", "gt", "gte", "lt", "lte"].flatMap((bound) =>
			KEYS.map((key) => q("things:keyed", { bound, key })),
		),
		q("things:keyed", { bound: "gt" }),
		q("things:keyed", { bound: "eq" }),
	],
	"filters compare, combine and calculate": [
		...[1, 2, 3, 4, 5].map((n) => send("a", n)),
		send("b", 5),
		...["and", "or", "not", "neq"].map((expression) => q("messages:filtered", { expression, value: 2 })),
		q("messages:filtered", { expression: "missing", value: 0 }),
	],
	"take, first and iteration stop where they should": [
		q("messages:first", { channel: "a" }),
		...[3, 1, 2].map((n) => send("a", n)),
		q("messages:latest", { channel: "a", count: 2 }),
		q("messages:latest", { channel: "a", count: 0 }),
		q("messages:latest", { channel: "a", count: 10 }),
		q("messages:latest", { channel: "a", count: 1.5 }),
		q("messages:list", { channel: "a" }),
	],
	"pages that are not exactly full": [
		...[1, 2, 3, 4, 5].map((n) => send("a", n)),
		page({ numItems: 3 }),
		page({ numItems: 10 }),
		page({ numItems: 10 }, { order: "desc" }),
		page({ numItems: 2 }, { order: "desc" }),
		page({ numItems: 10 }, { only: "even" }),
	],
	"nested calls share the transaction; a failed one is undone alone": [
		m("nesting:outer", {}),
		m("nesting:outer", { fail: "yes" }),
		m("nesting:outer", { fail: "convex" }),
		q("nesting:texts"),
		m("nesting:outer", { fail: "yes", rethrow: true }),
		m("nesting:outer", { fail: "convex", rethrow: true }),
		q("nesting:texts"),
		q("nesting:viaQuery"),
		m("nesting:wrongArgs"),
	],
	"failures change nothing and carry their data": [
		q("errors:plain"),
		m("errors:typed", { data: { code: "x", list: [1, 2] } }),
		m("errors:typed", { data: "text" }),
		m("errors:typed", { data: 5n }),
		q("nesting:texts"),
		q("errors:returnsQuery"),
		q("errors:thrownString"),
		m("scheduling:later", { text: "never", delayMs: 0, fail: true }),
		q("scheduling:jobs"),
		q("no:such"),
		q("nesting:writeNote", { text: "kind" }),
	],
	"files are stored, read and removed": [
		{ kind: "action", path: "files:storeText", args: { text: "content" }, as: "file" },
		{ kind: "action", path: "files:readText", args: { id: "$file" } },
		q("files:row", { id: "$file" }),
		m("files:remove", { id: "$file" }),
		{ kind: "action", path: "files:readText", args: { id: "$file" } },
		q("files:url", { id: "$file" }),
	],
	"actions call queries and mutations": [
		{ kind: "action", path: "files:orchestrate", args: { text: "one" } },
		{ kind: "action", path: "files:orchestrate", args: { text: "two" } },
		q("nested/deeper/leaf"),
	],
	"tables outside the schema work": [
		m("things:newTable", { table: "extra" }),
		q("things:inTable", { table: "extra" }),
		q("things:inTable", { table: "never" }),
	],
	"bad index ranges are refused": [
		q("things:badRange", { kind: "order" }),
		q("things:badRange", { kind: "field" }),
		q("things:badRange", { kind: "twice" }),
		q("things:missingIndex"),
	],
};

describe("convex-test and the engine agree:", () => {
	for (const [name, steps] of Object.entries(SCENARIOS)) {
		test(name, async () => {
			const expected = await run(onConvexTest(), steps);
			const seen = await run(await onEngine(), steps);
			for (const [i, step] of steps.entries())
				expect({ step, result: seen[i] }).toEqual({ step, result: expected[i] as Seen });
		});
	}
});
