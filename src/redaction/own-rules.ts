/** What the kept rule set leaves out: assignments to names that say what they hold, and private keys in quoted or cut text. */
import type { Secret } from "./secret-rules.ts";

/** Names as in the environment: `DB_PASSWORD`, `API_KEY`. */
const UPPER =
	"[A-Z0-9_]{0,60}(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|(?:(?<![A-Z0-9])|API)KEYS?(?![A-Z0-9]))[A-Z0-9_]{0,40}";
/** Names in any case that end in what they hold: `dbPassword`, `client-secret`. */
const ANY =
	"[A-Za-z0-9_.-]{0,60}?(?:[Ss]ecret|[Pp]assword|[Pp]asswd|[Pp]assphrase|[Tt]oken|(?:[Aa]pi|[Aa]ccess|[Pp]rivate|[Ss]ecret|[Aa]uth)[_-]?[Kk]ey)";
/**
 * As code quotes it, as JSON in a text or JSON in such JSON does (an inner quote has more backslashes than the
 * outer ones), as a shell does, and where the text ends before the quote does.
 */
const QUOTED = [
	String.raw`"([^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*)"`,
	String.raw`'([^'\\\r\n]*(?:\\[^\r\n][^'\\\r\n]*)*)'`,
	String.raw`\\"([^"\\\r\n]*(?:(?:\\\\(?:\\")?|\\[^"\\\r\n])[^"\\\r\n]*)*)\\"`,
	String.raw`\\{3}"([^"\\\r\n]*(?:\\[^"\\\r\n][^"\\\r\n]*)*)\\{3}"`,
	String.raw`\\?"([^"\\\r\n]*(?:\\[^"\r\n][^"\\\r\n]*)*)\\?"`,
	String.raw`\\?'([^'\\\r\n]*(?:\\[^'\r\n][^'\\\r\n]*)*)\\?'`,
	String.raw`\\{0,3}["']([^"'\\\r\n]+)$`,
].join("|");
const BARE = String.raw`([^\s"'\`,;)\]}&|<>\\]+)`;

const FORMS = [
	// A line of a .env file or of `env`: there every character up to white space belongs to the value.
	new RegExp(
		String.raw`^[ \t]{0,8}(?:[+>-][ \t]?)?(?:(?:export|set|declare -x|ENV)[ \t])?${UPPER}=([^\s"'\`\\$<([{][^\s"'\`\\([{]*?)(?=[;,)\]}]*(?:\s|$))`,
		"gm",
	),
	// NAME=value, NAME: value, "NAME": "value"
	new RegExp(
		String.raw`(?<![A-Za-z0-9_])${UPPER}\\{0,3}["']?[ \t]{0,8}(?:=>|=|:)[ \t]{0,8}(?:${QUOTED}|${BARE})`,
		"g",
	),
	// name=value, --name=value
	new RegExp(`(?<![A-Za-z0-9_.])${ANY}=(?:${QUOTED}|${BARE})`, "g"),
	// name: "value", name = 'value', "name": "value"
	new RegExp(
		String.raw`(?<![A-Za-z0-9_.])${ANY}\\{0,3}["']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}(?:${QUOTED})`,
		"g",
	),
];

/** `.env`-like assignments. Only the value is the secret; references such as `$NAME` and placeholders are none. */
export function assignedSecrets(text: string): Secret[] {
	if (!/secret|token|passw|passphrase|pwd|credential|key/i.test(text)) return [];
	const found: Secret[] = [];
	for (const form of FORMS) {
		for (const match of text.matchAll(form)) {
			const value = match.slice(1).find((group) => group !== undefined) ?? "";
			if (!isSecretValue(match[0].slice(0, match[0].indexOf(value)), value)) continue;
			const start = match.index + match[0].lastIndexOf(value);
			found.push({ start, end: start + value.length, rule: ASSIGNMENT });
		}
	}
	return found;
}

export const ASSIGNMENT = "assignment";

/** Whether a property of this name holds a secret when its value is a text. */
export function isSecretName(name: string): boolean {
	return NAME.test(name);
}
const NAME = new RegExp(`^(?:${UPPER}|${ANY})$`);

export function isSecretValue(name: string, value: string): boolean {
	if (value.length < 3 || value.startsWith("[redacted:")) return false;
	if (/^(?:true|false|null|none|nil|undefined|unset|string|number|boolean|any|unknown|void)$/i.test(value))
		return false;
	// A reference, a call or a placeholder tells nothing.
	if (/^(?:\$|%[A-Z_]+%$|<|\{|\(|process\.env|os\.environ|env\.|import\.meta)|\($|^[*.x•…-]+$/i.test(value))
		return false;
	// Counts of tokens and keys, as in MAX_TOKENS=4096.
	if (/^[\d_.]+[kKmM]?$/.test(value) && !/passw|pwd|passphrase|secret/i.test(name)) return false;
	return true;
}

/** Private keys: up to their end, whatever stands before each line, or what follows the beginning where there is no end. */
export function privateKeys(text: string): Secret[] {
	const found: Secret[] = [];
	for (let begin = text.indexOf(BEGIN); begin !== -1; ) {
		const next = text.indexOf(BEGIN, begin + BEGIN.length);
		const most = begin + MOST_KEY_CHARS;
		const key = text.slice(begin, next === -1 ? most : Math.min(next, most));
		const match = WHOLE_KEY.exec(key) ?? CUT_KEY.exec(key);
		if (match?.[1] && (CUT_KEY.test(key) || KEY_LINE.test(match[1]))) {
			const start = begin + match[0].indexOf(match[1], BEGIN.length);
			found.push({ start, end: start + match[1].trimEnd().length, rule: "privatekey" });
		}
		begin = next;
	}
	return found;
}

const BEGIN = "-----BEGIN";
const HEAD = String.raw`^-----BEGIN ?(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\{1,3}[nr])*`;
const WHOLE_KEY = new RegExp(String.raw`${HEAD}([^]+?)-----END[^-\n]{0,60}-----`);
const CUT_KEY = new RegExp(String.raw`${HEAD}([A-Za-z0-9+/=\s\\]{16,})`);
/** No code that only speaks of keys has such a word. */
const KEY_LINE = /[A-Za-z0-9+/=]{40}/;
const MOST_KEY_CHARS = 20_000;
