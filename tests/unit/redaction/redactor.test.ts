import { beforeAll, expect, test } from "bun:test";
import { createRedactor, type Redactor } from "../../../src/redaction/redactor.ts";

let redactor: Redactor;
beforeAll(async () => {
	redactor = await createRedactor();
});

const GITHUB = `ghp_${"a1B2".repeat(9)}`;
const ANTHROPIC = `sk-ant-api03-${"x".repeat(93)}AA`;
const AWS = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKE";
const PEM = `-----BEGIN RSA PRIVATE KEY-----\n${`MII${"Ab3+".repeat(15)}\n`.repeat(8)}-----END RSA PRIVATE KEY-----`;

const SECRETS: [name: string, text: string, secret: string][] = [
	["a GitHub token", `use ${GITHUB} now`, GITHUB],
	["an Anthropic key", `key ${ANTHROPIC}.`, ANTHROPIC],
	["an AWS secret in an environment file", `AWS_SECRET_ACCESS_KEY=${AWS}\n`, AWS],
	["an npm token line", "//registry.example.com/:_authToken=abcdef-0123-4567\n", "abcdef-0123-4567"],
	["a password in a database address", "postgres://app:hunter2pass@db.example.com/x", "hunter2pass"],
	["a private key", `before\n${PEM}\nafter`, "MIIAb3+"],
	["a private key without its end", `x\n${PEM.slice(0, 200)}`, "MIIAb3+"],
	["an assignment", "export DB_PASSWORD='correct horse battery'\n", "correct horse battery"],
	["a quoted property", '{"password":"hunter22"}', "hunter22"],
	["a quoted property inside a JSON text", '"{\\"apiKey\\": \\"abcdef123\\"}"', "abcdef123"],
	["JSON inside a JSON text", '{\\\\\\"password\\\\\\":\\\\\\"hunter22\\\\\\"}', "hunter22"],
	["a quoted value with a quote in it", 'const password = "pa\\"ssw0rd";', "ssw0rd"],
	["the same in a JSON text", 'curl -d "{\\"password\\":\\"pa\\\\\\"ssw0rd\\"}"', "ssw0rd"],
	[
		"a line of an environment with signs in its value",
		"A=1\nexport DB_PASSWORD=hun;ter&2|2)x\nB=2\n",
		"ter&2",
	],
	["a quoted value whose end was cut off", 'DB_PASSWORD="correct horse', "horse"],
	["a flag", "mysql --password=s3cr3tpw -u root", "s3cr3tpw"],
	[
		"a token with a comment that would allow it",
		`// secretlint-disable-line\n/* secretlint-disable */ ${GITHUB}`,
		GITHUB,
	],
];

for (const [name, text, secret] of SECRETS) {
	test(`${name} is replaced, and only it`, async () => {
		const redacted = await redactor.redact(text);
		expect(redacted.text).not.toContain(secret);
		expect(redacted.text).toMatch(/\[redacted:[\w-]+\]/);
		expect(Object.values(redacted.hidden).reduce((sum, count) => sum + count, 0)).toBe(1);
		const [before = "", after = ""] = redacted.text.split(/\[redacted:[\w-]+\]/);
		expect(text.startsWith(before)).toBe(true);
		expect(text.endsWith(after)).toBe(true);
		expect((await redactor.redact(redacted.text)).hidden).toEqual({});
	});
}

const lines = PEM.split("\n");
const QUOTED_KEYS: [name: string, text: string][] = [
	["with numbered lines", lines.map((line, at) => `${String(at + 1).padStart(6)}→${line}`).join("\n")],
	["in a mail", lines.map((line) => `> ${line}`).join("\n")],
	["that a diff takes away", lines.map((line) => `-${line}`).join("\n")],
	["that grep found", lines.map((line) => `id_rsa:${line}`).join("\n")],
	["in program text", lines.map((line) => `\t"${line}\\n" +`).join("\n")],
	[
		"that is encrypted",
		[lines[0], "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,AB12", "", ...lines.slice(1)].join("\n"),
	],
];

for (const [name, text] of QUOTED_KEYS) {
	test(`a private key ${name} is replaced, and what stands around it stays`, () => {
		const { text: redacted, hidden } = redactor.redactNow(`before\n${text}\nafter`);
		expect(redacted).not.toContain("MII");
		expect(redacted).not.toContain("Ab3+");
		expect(redacted).toMatch(/^before\n.*-----BEGIN RSA PRIVATE KEY-----/);
		expect(redacted).toMatch(/-----END RSA PRIVATE KEY-----.*\nafter$/);
		expect(hidden).toEqual({ privatekey: 1 });
	});
}

test("what only looks like an assignment stays", async () => {
	const plain = [
		"MAX_TOKENS=4096",
		"const token = getToken();",
		"password: string;",
		"API_KEY=$API_KEY",
		`API_KEY=$${"{API_KEY}"}`,
		"TOKEN=<your token>",
		"MONKEY=banana",
		"the key point: tokens are cheap",
		'{"usage":{"totalTokens":12}}',
		"PASSWORD=********",
		'"--token=\\"" + value + "\\""',
		'isKey = text.startsWith("-----BEGIN PRIVATE KEY-----") && text.endsWith("-----END PRIVATE KEY-----")',
		"`-----BEGIN PRIVATE KEY-----\\n$" + "{body}\\n-----END PRIVATE KEY-----`",
	].join("\n");
	expect(await redactor.redact(plain)).toEqual({ text: plain, hidden: {} });
});

const entry = (message: unknown) =>
	JSON.stringify({
		type: "message",
		id: "0000beef",
		parentId: null,
		timestamp: "2026-01-01T00:00:00.000Z",
		message,
	});

test("in an entry only texts change; it stays JSON under its id", async () => {
	const json = entry({
		role: "assistant",
		content: [
			{ type: "text", text: `say "${GITHUB}"\n\ttab` },
			{
				type: "toolCall",
				id: `call_${GITHUB}`,
				name: "bash",
				arguments: { command: `curl -H 'X: ${ANTHROPIC}'`, password: "hunter2" },
			},
			{ type: "image", data: GITHUB, mimeType: "image/png" },
		],
		model: "m",
	});
	const { text, hidden } = await redactor.redact(json);
	const before = JSON.parse(json);
	const after = JSON.parse(text);
	expect(hidden).toEqual({ github: 1, anthropic: 1, assignment: 1 });
	expect(after.message.content[0].text).toBe('say "[redacted:github]"\n\ttab');
	expect(after.message.content[1]).toEqual({
		type: "toolCall",
		id: `call_${GITHUB}`,
		name: "bash",
		arguments: { command: "curl -H 'X: [redacted:anthropic]'", password: "[redacted:assignment]" },
	});
	expect(after.message.content[2]).toEqual(before.message.content[2]);
	expect(Object.keys(after)).toEqual(Object.keys(before));
	expect(after.id).toBe("0000beef");
});

test("a secret that JSON escapes is found all the same", async () => {
	const secret = 'p"a\\ss\tword-1';
	const json = entry({ role: "user", content: `DB_PASSWORD='${secret.replace("\t", " ")}'` });
	const { text, hidden } = await redactor.redact(json);
	expect(hidden).toEqual({ assignment: 1 });
	expect(JSON.parse(text).message.content).toBe("DB_PASSWORD='[redacted:assignment]'");
	const key = entry({
		role: "toolResult",
		toolCallId: "c",
		content: [{ type: "text", text: `key:\r\n${PEM.replaceAll("\n", "\r\n")}` }],
	});
	expect(JSON.parse((await redactor.redact(key)).text).message.content[0].text).not.toContain("MIIAb3+");
});

test("an entry without secrets comes back as the same line, odd spacing included", async () => {
	const line = '{"type":"custom", "id":"1","parentId":null,"timestamp":"t","data":{"n":1.50}}';
	expect(await redactor.redact(line)).toEqual({ text: line, hidden: {} });
});

test("what is no JSON after all is looked at as text", async () => {
	expect((await redactor.redact(`{"a": ${GITHUB}`)).text).toBe('{"a": [redacted:github]');
});

test("a large output takes no long time", async () => {
	const text = `${"lorem ipsum dolor sit amet 12345 KEY= x ".repeat(100_000)}${"A".repeat(1_000_000)}`;
	const before = performance.now();
	await redactor.redact(text);
	expect(performance.now() - before).toBeLessThan(10_000);
});
