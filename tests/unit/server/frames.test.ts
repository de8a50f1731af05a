/** Timestamps, chunks, paths and credentials as they stand on the wire. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createCallers } from "../../../src/server/callers.ts";
import { canonicalPath, outcomeJson } from "../../../src/server/outcomes.ts";
import { hostName } from "../../../src/server/request-guard.ts";
import { chunked, readMessage } from "../../../src/server/sync-messages.ts";
import { decodeTs, encodeTs } from "../../../src/server/timestamps.ts";

test("Timestamps survive the wire, least byte first", () => {
	expect(encodeTs(0n)).toBe("AAAAAAAAAAA=");
	expect(encodeTs(1n)).toBe("AQAAAAAAAAA=");
	fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (ts) => decodeTs(encodeTs(ts)) === ts));
	for (const bad of ["", "AAAA", "AAAAAAAAAAAA", "!!!!!!!!!!!="]) expect(decodeTs(bad)).toBeNull();
});

test("Parts of a frame join to the frame, and none splits a character", () => {
	expect(chunked("short", "id")).toEqual(["short"]);
	const frame = JSON.stringify({ text: `${"x".repeat(1_599_990)}${"😀".repeat(1_000_000)}` });
	const parts = chunked(frame, "id").map(
		(part) => JSON.parse(part) as { chunk: string; partNumber: number; totalParts: number },
	);
	expect(parts.map(({ chunk }) => chunk).join("")).toBe(frame);
	for (const [at, { chunk, partNumber, totalParts }] of parts.entries()) {
		expect([partNumber, totalParts]).toEqual([at, parts.length]);
		expect(chunk.isWellFormed()).toBe(true);
		expect(Buffer.byteLength(chunk)).toBeLessThan(5_000_000);
	}
});

test("Paths are told as module and function", () => {
	expect(["a:b", "a.js:b", "d/a", "d/a.js"].map(canonicalPath)).toEqual([
		"a:b",
		"a:b",
		"d/a:default",
		"d/a:default",
	]);
});

test("Whatever a client sends is read or refused, never a crash of another kind", () => {
	const refusal = /^(Received|The field|A query set|Components|Authenticate)/;
	const anything = fc.oneof(
		fc.string(),
		fc.json(),
		messages().map((message) => JSON.stringify(message)),
	);
	fc.assert(
		fc.property(anything, (text) => {
			try {
				return readMessage(text).kind.length > 0;
			} catch (error) {
				return refusal.test((error as Error).message);
			}
		}),
		{ seed: 7, numRuns: 2_000 },
	);
});

function messages() {
	const part = fc.oneof(fc.jsonValue(), fc.nat(), fc.constant([{}]), fc.constant("a:b"));
	return fc.record(
		{
			type: fc.constantFrom(
				"Connect",
				"ModifyQuerySet",
				"Mutation",
				"Action",
				"Authenticate",
				"Event",
				"Ping",
			),
			sessionId: part,
			baseVersion: part,
			newVersion: part,
			modifications: fc.oneof(
				part,
				fc.array(
					fc.record({ type: fc.constantFrom("Add", "Remove"), queryId: part, udfPath: part, args: part }),
				),
			),
			requestId: part,
			udfPath: part,
			args: part,
			tokenType: fc.oneof(part, fc.constant("User")),
			value: part,
			maxObservedTimestamp: part,
		},
		{ requiredKeys: ["type"] },
	);
}

test("A host name is read without its port, and nothing else passes for one", () => {
	expect(["a:1", "A.b", "[::1]:9", "127.0.0.1"].map(hostName)).toEqual(["a", "a.b", "[::1]", "127.0.0.1"]);
	for (const bad of [undefined, "", "a b", "a@b", "a/b", "a:b", "[::1", "a,b"])
		expect(hostName(bad)).toBeNull();
});

test("Values are spliced as they are, and unwrapped only for the plain format", () => {
	const outcome = { kind: "ok" as const, valueJson: '{"a":{"$integer":"BwAAAAAAAAA="}}', logLines: [] };
	expect(outcomeJson(outcome, "convex_encoded_json")).toBe(
		`{"status":"success","value":${outcome.valueJson}}`,
	);
	expect(outcomeJson(outcome, "json")).toBe('{"status":"success","value":{"a":"7"}}');
});

test("An admin key without a secret is not taken, whatever stands before it", () => {
	for (const key of ["", "instance|"]) expect(() => createCallers(key, [])).toThrow("must not be empty");
	const callers = createCallers("instance|secret", []);
	for (const good of ["instance|secret", "prod:instance|secret", "secret"])
		expect(callers.admin(good).kind).toBe("ok");
	for (const bad of ["", "|", "instance|", "instance|secret ", "instance|Secret", "secre"])
		expect(callers.admin(bad).kind).toBe("refused");
});
