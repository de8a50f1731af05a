import { beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { createOpRedactor } from "../../../src/redaction/redact-ops.ts";
import { createRedactor, type Redactor, redactText } from "../../../src/redaction/redactor.ts";
import { emptyView, foldOps, type LiveView } from "../../../src/session/fold.ts";

let redactor: Redactor;
beforeAll(async () => {
	redactor = await createRedactor();
});

const GITHUB = `ghp_${"a1B2".repeat(9)}`;
const PEM = `-----BEGIN PRIVATE KEY-----\n${`MII${"Ab3+".repeat(15)}\n`.repeat(4)}-----END PRIVATE KEY-----`;

function redacted(ops: DeltaOp[]): DeltaOp[] {
	const redact = createOpRedactor(redactor);
	return ops.flatMap((op) => redact(op));
}

function folded(ops: DeltaOp[]): LiveView {
	const result = foldOps(emptyView(0), 0, ops);
	if (result.kind === "gap") throw new Error("gap");
	return result.view;
}

const spoken = (text: string, sizes: number[]): DeltaOp[] => {
	const ops: DeltaOp[] = [["m", "assistant"]];
	for (let at = 0, turn = 0; at < text.length; turn += 1) {
		const size = sizes[turn % sizes.length] as number;
		ops.push(["t", 0, text.slice(at, at + size)]);
		at += size;
	}
	return [...ops, ["e"]];
};

const NUMBERED = PEM.replace(/^/gm, "  7→");
const SECRETS = [
	GITHUB,
	PEM,
	NUMBERED,
	"DB_PASSWORD=a;hunter22",
	'password = "a\\"hunter22"',
	"API_TOKEN = 'two words'",
	"password=hunter22",
	"postgres://u:hunter22@h/x",
];
const pieces = fc.array(
	fc.oneof(
		{
			weight: 4,
			arbitrary: fc.constantFrom(
				"word",
				" ",
				"\n",
				"  two words ",
				"key point: ",
				"https://a.example/x ",
				"\u{1f600}",
				"=",
				"-----",
			),
		},
		{
			weight: 1,
			arbitrary: fc.constantFrom(...SECRETS),
		},
	),
	{ maxLength: 25 },
);

const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });

function said(text: string, cuts: number[]): string {
	const block = folded(redacted(spoken(text, cuts))).messages[0]?.blocks[0];
	return block?.kind === "text" ? block.text : "";
}

test("however a text is cut into deltas, what is shown is the redacted text", () => {
	fc.assert(
		fc.property(pieces, sizes, (parts, cuts) => {
			const text = parts.map((part) => (SECRETS.includes(part) ? `\n${part}\n` : part)).join("");
			expect(said(text, cuts)).toBe(redactText(text, redactor.find).text);
		}),
		{ numRuns: 300 },
	);
});

test("however secrets run into other text, none of what the whole text hides is shown", () => {
	fc.assert(
		fc.property(pieces, sizes, (parts, cuts) => {
			const text = parts.join("");
			const whole = redactText(text, redactor.find).text;
			const shown = said(text, cuts);
			for (const secret of [GITHUB, "MIIAb3+", "two words'", "hunter22"]) {
				if (!whole.includes(secret)) expect(shown).not.toContain(secret);
			}
		}),
		{ numRuns: 300 },
	);
});

test("prose goes out word by word, without waiting for the line", () => {
	const ops = redacted([
		["m", "assistant"],
		["t", 0, "A key point "],
		["t", 0, "is th"],
		["t", 0, "is: go"],
	]);
	expect(ops.slice(1)).toEqual([
		["t", 0, "A key point "],
		["t", 0, "is "],
		["t", 0, "this: "],
	]);
});

test("a token split over deltas never shows, not even its beginning", () => {
	const ops = redacted(spoken(`see ${GITHUB} there`, [3]));
	expect(JSON.stringify(ops)).not.toContain("ghp");
	expect(folded(ops).messages[0]?.blocks[0]).toEqual({ kind: "text", text: "see [redacted:github] there" });
});

test("an assignment waits for its line, a private key for its end", () => {
	const ops = redacted([
		["m", "assistant"],
		["t", 0, "ok\nDB_PASSWORD = 'a b"],
		["t", 0, " c d'"],
	]);
	expect(ops).toEqual([
		["m", "assistant"],
		["t", 0, "ok\n"],
	]);
	expect(JSON.stringify(redacted(spoken(`a\n${PEM}\nb `, [7])))).not.toContain("MII");
});

test("arguments of a call come whole and redacted, as JSON", () => {
	const args = JSON.stringify({ command: `export T=${GITHUB}; echo "\n"`, api_key: "abcdef12" });
	const ops = redacted([
		["m", "assistant"],
		["c", 1, "id1", "bash"],
		["a", 1, args.slice(0, 30)],
		["a", 1, args.slice(30)],
		["e"],
	]);
	expect(ops.map((op) => op[0])).toEqual(["m", "c", "a", "e"]);
	expect(JSON.parse((ops[2] as ["a", number, string])[2])).toEqual({
		command: 'export T=[redacted:github]; echo "\n"',
		api_key: "[redacted:assignment]",
	});
});

test("tool output that grows and is cut short again shows the redacted output", () => {
	const view = folded(
		redacted([
			["x", "1", "bash", JSON.stringify({ command: "env" })],
			["o", "1", 0, "A=1\nAPI_TOK"],
			["o", "1", 11, "EN=abcdef123\nB=2\n"],
			["o", "1", 4, "C=3\nPASSWORD=hunter22\nrest"],
			["d", "1", 0],
		]),
	);
	expect(view.tools[0]).toMatchObject({
		output: "A=1\nC=3\nPASSWORD=[redacted:assignment]\nrest",
		ended: true,
	});
});

test("without secrets the folded view is what it would be without redaction", () => {
	fc.assert(
		fc.property(
			fc.array(fc.tuple(fc.nat(40), fc.stringMatching(/^[a-z \n]{0,20}$/)), { maxLength: 20 }),
			(edits) => {
				let length = 0;
				const ops: DeltaOp[] = [["x", "1", "bash", ""]];
				for (const [keep, text] of edits) {
					const kept = Math.min(keep, length);
					ops.push(["o", "1", kept, text]);
					length = kept + text.length;
				}
				ops.push(["d", "1", 0]);
				expect(folded(redacted(ops)).tools).toMatchObject(
					folded(ops).tools.map(({ output, ended }) => ({ output, ended })),
				);
			},
		),
	);
});
