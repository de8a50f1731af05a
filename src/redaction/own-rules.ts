/** What the kept rule set leaves out: assignments to names that say what they hold, and private keys without an end. */
import type { Secret } from "./secret-rules.ts";

/** Names as in the environment: `DB_PASSWORD`, `API_KEY`. */
const UPPER =
	"[A-Z0-9_]{0,60}(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|(?:(?<![A-Z0-9])|API)KEYS?(?![A-Z0-9]))[A-Z0-9_]{0,40}";
/** Names in any case that end in what they hold: `dbPassword`, `client-secret`. */
const ANY =
	"[A-Za-z0-9_.-]{0,60}?(?:[Ss]ecret|[Pp]assword|[Pp]asswd|[Pp]assphrase|[Tt]oken|(?:[Aa]pi|[Aa]ccess|[Pp]rivate|[Ss]ecret|[Aa]uth)[_-]?[Kk]ey)";
const QUOTED = String.raw`\\?"((?:[^"\\\r\n]|\\[^"\r\n])+)\\?"|\\?'((?:[^'\\\r\n]|\\[^'\r\n])+)\\?'`;
const BARE = String.raw`([^\s"'\`,;)\]}&|<>\\]+)`;

const FORMS = [
	// NAME=value, NAME: value, "NAME": "value"
	new RegExp(
		String.raw`(?<![A-Za-z0-9_])${UPPER}\\?["']?[ \t]{0,8}(?:=>|=|:)[ \t]{0,8}(?:${QUOTED}|${BARE})`,
		"g",
	),
	// name=value, --name=value
	new RegExp(`(?<![A-Za-z0-9_.])${ANY}=(?:${QUOTED}|${BARE})`, "g"),
	// name: "value", name = 'value', "name": "value"
	new RegExp(String.raw`(?<![A-Za-z0-9_.])${ANY}\\?["']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}(?:${QUOTED})`, "g"),
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

/** A private key whose end is missing: all of it that follows its beginning. */
export function openPrivateKeys(text: string): Secret[] {
	const begin = text.lastIndexOf("-----BEGIN");
	if (begin === -1) return [];
	const match =
		/-----BEGIN[ ]?(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])*([A-Za-z0-9+/=\s\\]{16,})/.exec(
			text.slice(begin, begin + MOST_KEY_CHARS),
		);
	if (!match?.[1]) return [];
	const start = begin + match.index + match[0].length - match[1].length;
	const end = start + match[1].trimEnd().length;
	return [{ start, end, rule: "privatekey" }];
}
const MOST_KEY_CHARS = 20_000;
