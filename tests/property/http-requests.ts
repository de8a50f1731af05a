/**
 * Requests that anybody may send to the HTTP routes, most of them nearly right: what a plugin posts with
 * one thing wrong finds more than noise does. `$own` and `$other` stand for ids of the caller's and of the
 * other user's rows, `$canary` for the caller's own word.
 */
import fc from "fast-check";

export type KeyKind = "full" | "readOnly" | "writeOnly" | "revoked" | "wrong" | "malformed" | "none";
export type Who = "alice" | "bob";

export type FuzzRequest = {
	who: Who;
	key: KeyKind;
	method: string;
	path: string;
	query: readonly (readonly [string, string])[];
	headers: Readonly<Record<string, string>>;
	body: string | Uint8Array | null;
};

/** Method and path of every route, in the order of `http.getRoutes()` by path. */
export const ROUTES: readonly (readonly [method: string, path: string])[] = [
	["GET", "/.well-known/jwks.json"],
	["GET", "/api/context"],
	["GET", "/api/export"],
	["GET", "/api/search"],
	["GET", "/api/sessions"],
	["GET", "/api/sessions/get"],
	["GET", "/api/stats"],
	["POST", "/auth/code"],
	["POST", "/auth/token"],
	["GET", "/health"],
	["POST", "/sync/batch"],
	["POST", "/sync/message"],
	["POST", "/sync/session"],
	["GET", "/sync/sessions/list"],
];

/** Mostly `good`. */
function mostly<T, U>(good: fc.Arbitrary<T>, odd: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
	return fc.oneof({ weight: 7, arbitrary: good }, { weight: 1, arbitrary: odd });
}

/** For one field of many: most posts should come to where they are stored. */
function nearly<T, U>(good: fc.Arbitrary<T>, odd: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
	return fc.oneof({ weight: 40, arbitrary: good }, { weight: 1, arbitrary: odd });
}

const ODD_TEXTS = [
	"",
	" ",
	"\u0000",
	"a\ud800b",
	"\udc00",
	"__proto__",
	"constructor",
	"toString",
	"../../etc/passwd",
	"é\u0301\u202e",
	"😀".repeat(20),
	"x".repeat(5000),
	"<script>",
	"null",
	"-0",
	"1e999",
];
const junk: fc.Arbitrary<unknown> = fc.oneof(
	fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, 8.64e15, 8.65e15, [], {}, [[]], [null]),
	fc.constantFrom(...ODD_TEXTS),
	fc.jsonValue({ maxDepth: 3 }),
	fc.record({ __proto__: fc.jsonValue() } as { __proto__: fc.Arbitrary<unknown> }),
	fc.nat(300).map(nested),
);

/** An object in an object, so many levels deep. */
function nested(levels: number): unknown {
	let value: unknown = "end";
	for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { in: value };
	return value;
}

const sessionId = nearly(
	fc.constantFrom("s1", "s1", "s1", "shared", "shared", "s2", "native"),
	fc.constantFrom(...ODD_TEXTS, "y".repeat(300)),
);
const messageId = nearly(
	fc.constantFrom("m1", "m2", "m3", "m4", "m5", "m6", "m7", "shared-message"),
	fc.constantFrom(...ODD_TEXTS),
);
const words = nearly(
	fc.constantFrom("$canary says hello", "a question of $canary", "$canary\nsecond line"),
	fc.constantFrom(...ODD_TEXTS),
);
const count = nearly(fc.constantFrom<unknown>(0, 1, 250, 1.5, undefined), junk);
const time = nearly(fc.constantFrom<unknown>(Date.UTC(2026, 0, 1), 1, undefined), junk);
const source = nearly(fc.constantFrom<unknown>("codex", "claude-code", "pi", undefined), junk);

const part = nearly(
	fc.oneof(
		fc.record({ type: fc.constant("text"), content: words }),
		fc.record({
			type: fc.constantFrom("tool-call", "tool-result", "tool_use", "tool_result"),
			content: nearly(
				fc.record({ toolCallId: messageId, name: words, args: junk, result: nearly(words, junk) }),
				junk,
			),
		}),
		fc.record({ type: fc.constantFrom("thinking", "reasoning", "snapshot"), content: nearly(words, junk) }),
	),
	junk,
);
const session = nearly(
	fc.record(
		{
			externalId: nearly(sessionId, junk),
			source,
			title: nearly(words, junk),
			projectPath: nearly(words, junk),
			projectName: nearly(words, junk),
			model: nearly(fc.constantFrom("model-a", "__proto__"), junk),
			provider: nearly(words, junk),
			promptTokens: count,
			completionTokens: count,
			cost: count,
			durationMs: count,
			createdAt: time,
			messageCount: junk,
		},
		{ requiredKeys: ["externalId"] },
	),
	junk,
);
const message = nearly(
	fc.record(
		{
			sessionExternalId: nearly(sessionId, junk),
			externalId: nearly(messageId, junk),
			role: nearly(fc.constantFrom("user", "assistant", "system", "tool", "unknown"), junk),
			textContent: nearly(words, junk),
			model: nearly(words, junk),
			promptTokens: count,
			completionTokens: count,
			durationMs: count,
			source,
			createdAt: time,
			parts: nearly(fc.array(part, { maxLength: 4 }), junk),
			extra: junk,
		},
		{ requiredKeys: ["sessionExternalId", "externalId", "role"] },
	),
	junk,
);
const batch = nearly(
	fc.record(
		{
			sessions: nearly(fc.array(session, { maxLength: 3 }), junk),
			messages: nearly(fc.array(message, { maxLength: 9 }), junk),
			extra: junk,
		},
		{ requiredKeys: [] },
	),
	junk,
);

const BODIES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
	"/sync/session": session,
	"/sync/message": message,
	"/sync/batch": batch,
	"/auth/code": fc.record({ code: junk }),
};

/** Text that is no JSON, or none that makes sense. */
const oddBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
	fc.constantFrom(
		"",
		"{",
		"null",
		"[]",
		'"text"',
		"undefined",
		"NaN",
		'{"externalId":"s1",}',
		'{"externalId":"s1","externalId":{"a":1}}',
		'{"__proto__":{"externalId":"s1"},"role":"user"}',
		'{"externalId":"\\ud800","title":"\\udfff\\ud800"}',
		`${"[".repeat(50_000)}${"]".repeat(50_000)}`,
		`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
		"\ufeff{}",
	),
	fc.uint8Array({ maxLength: 40 }),
	fc.json(),
);

function bodyFor(path: string): fc.Arbitrary<string | Uint8Array | null> {
	const made = (BODIES[path] ?? junk).map((value) => JSON.stringify(value) ?? "");
	const cut = made.map((json) => json.slice(0, -1));
	return fc.oneof(
		{ weight: 12, arbitrary: made },
		{ weight: 1, arbitrary: cut },
		{ weight: 2, arbitrary: oddBody },
	);
}

/** Put into the address as they are. */
const RAW_VALUES = ["%", "%E0%A4%A", "%ED%A0%80", "%00", "a%20b", "&&=", "+", "[]", "%22%27"];
const value = fc.oneof(
	{ weight: 4, arbitrary: fc.constantFrom("$own", "$other", "s1", "shared", "native", "$canary", "hello") },
	{
		weight: 3,
		arbitrary: fc.constantFrom(
			"1",
			"5",
			"0",
			"-1",
			"abc",
			"1e9",
			"999999999999999999",
			"1.5",
			"json",
			"jsonl",
		),
	},
	{
		weight: 2,
		arbitrary: fc.constantFrom(
			"markdown",
			"text",
			"messages",
			"semantic",
			"hybrid",
			"fulltext",
			"1_1",
			"_",
			"zzz",
		),
	},
	{ weight: 1, arbitrary: fc.constantFrom(...RAW_VALUES, "w".repeat(5000), "a ".repeat(100)) },
);
const NAMES = [
	"id",
	"q",
	"limit",
	"cursor",
	"format",
	"type",
	"source",
	"project",
	"kind",
	"__proto__",
	"offset",
];
const anyQuery = fc.array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 4 });

/** What a route needs, so that most requests come to where the data is. */
const NEEDED: Readonly<Record<string, fc.Arbitrary<(readonly [string, string])[]>>> = {
	"/api/sessions/get": fc.constantFrom([["id", "$own"]], [["id", "$other"]], [["id", "shared"]]),
	"/api/export": fc
		.tuple(fc.constantFrom("$own", "$other", "shared"), fc.constantFrom("json", "jsonl", "markdown", "x"))
		.map(([id, format]) => [
			["id", id],
			["format", format],
		]),
	"/api/search": fc.constantFrom([["q", "$canary"]], [["q", "hello"]], [["q", "says question"]]),
	"/api/context": fc
		.tuple(fc.constantFrom("$canary", "hello question"), fc.constantFrom("text", "messages"))
		.map(([q, format]) => [
			["q", q],
			["format", format],
		]),
};

function queryFor(path: string): fc.Arbitrary<(readonly [string, string])[]> {
	const nothing: fc.Arbitrary<(readonly [string, string])[]> = fc.constant([]);
	const needed = mostly(NEEDED[path] ?? nothing, nothing);
	return fc.tuple(needed, anyQuery).map(([first, more]) => [...first, ...more]);
}

const headers: fc.Arbitrary<Record<string, string>> = fc.oneof(
	{ weight: 6, arbitrary: fc.constant({ "Content-Type": "application/json" }) },
	{
		weight: 1,
		arbitrary: fc.constantFrom<Record<string, string>>(
			{},
			{ "Content-Type": "text/plain; charset=utf-16" },
			{ "Content-Type": "multipart/form-data" },
			{ Origin: "https://evil.example", "Content-Type": "application/json" },
			{ "X-Forwarded-Proto": "https" },
			{ Cookie: "a=b", Accept: "text/html" },
			{ "Access-Control-Request-Method": "POST", Origin: "null" },
		),
	},
);

const key: fc.Arbitrary<KeyKind> = fc.oneof(
	{ weight: 12, arbitrary: fc.constant<KeyKind>("full") },
	{
		weight: 5,
		arbitrary: fc.constantFrom<KeyKind>("readOnly", "writeOnly", "revoked", "wrong", "malformed", "none"),
	},
);

function requestTo([method, path]: readonly [string, string]): fc.Arbitrary<FuzzRequest> {
	const oddMethod = fc.constantFrom("OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "GET", "POST");
	const oddPath = fc.constantFrom(
		`${path}/`,
		`${path}/x`,
		`/${path}`,
		path.toUpperCase(),
		`${path}%00`,
		`${path};a=b`,
	);
	return fc.record({
		who: fc.constantFrom<Who>("alice", "bob"),
		key,
		method: mostly(mostly(fc.constant(method), oddMethod), fc.constant(method)),
		path: mostly(mostly(fc.constant(path), oddPath), fc.constant(path)),
		query: queryFor(path),
		headers,
		body: method === "POST" ? bodyFor(path) : mostly(fc.constant(null), bodyFor(path)),
	});
}

/** Posts come more often than the rest: they are what changes anything. */
export const fuzzRequest: fc.Arbitrary<FuzzRequest> = fc.oneof(
	...ROUTES.map((route) => ({ weight: route[1].startsWith("/sync/") ? 4 : 1, arbitrary: requestTo(route) })),
	{
		weight: 1,
		arbitrary: fc
			.constantFrom("/", "/sync", "/api", "/api/sessions/1", "/auth", "/%2e%2e/data", "/index.html")
			.chain((path) => requestTo(["GET", path])),
	},
);
