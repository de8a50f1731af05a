/**
 * Where in a text secrets stand, by the kept rules of secretlint's recommended preset and two of our own:
 * assignments as in `.env` files, and private keys that were quoted, or cut off before their end.
 *
 * The rules are run as they are, without secretlint's core: that would keep performance marks for ever, can
 * print what it looks at, and obeys comments in the text that switch rules off. Reported ranges are not
 * relied on, for some begin before the secret and end within it: the secret's own text is looked up.
 */
import { assignedSecrets, privateKeys } from "./own-rules.ts";

/** A secret at `[start, end)`, and the rule that knows it. */
export type Secret = { start: number; end: number; rule: string };

/** Secrets of a text in order, without overlaps. Never throws: a rule that fails is as one that finds nothing. */
export type FindSecrets = (text: string) => Secret[];

type Report = { message: { data?: Record<string, unknown> }; range: readonly [number, number] };
type Source = { content: string; contentType: "text"; filePath: string; ext: string };
type Handler = { file?(source: Source): unknown };
type Context = {
	sharedOptions: Record<string, never>;
	createTranslator(): (messageId: string, data?: Record<string, unknown>) => Report["message"];
	report(report: Report): void;
	ignore(): void;
};
type Rule = { meta: { id: string }; create(context: Context, options: Record<string, never>): Handler };

/** The rule with which a text could switch the others off. */
const COMMENTS = /filter-comments$/;
/** Rules look at the name: this one makes the npm rule look for tokens of `.npmrc`. */
const SOURCE_NAME = ".npmrc";

/** Loads the rules; some 200 KB of code. */
export async function loadSecretRules(): Promise<FindSecrets> {
	const { rules } = await import("@secretlint/secretlint-rule-preset-recommend");
	let found: Secret[] = [];
	let content = "";
	const handlers = (rules as unknown as Rule[])
		.filter((rule) => !COMMENTS.test(rule.meta.id))
		.map((rule) => {
			const name = rule.meta.id.replace(/^@secretlint\/secretlint-rule-/, "");
			return rule.create(
				contextFor((report) => found.push(...placesOf(content, report, name))),
				{},
			);
		});
	return (text) => {
		if (text.length < SHORTEST) return [];
		found = [];
		content = text;
		for (const handler of handlers) {
			try {
				handler.file?.({ content, contentType: "text", filePath: SOURCE_NAME, ext: "" });
			} catch {
				// The other rules still look.
			}
		}
		const all = [...found, ...assignedSecrets(content), ...privateKeys(content)];
		// What was redacted before is no secret.
		return merged(all.filter(({ start }) => !content.startsWith("[redacted:", start)));
	};
}

/** No rule knows a secret that is shorter with all that must stand around it. */
const SHORTEST = 6;

function contextFor(report: (report: Report) => void): Context {
	return {
		sharedOptions: {},
		createTranslator:
			() =>
			(messageId, data = {}) => ({ messageId, message: messageId, data }),
		report,
		ignore: () => {},
	};
}

/** The secret itself: the text that the rule names, at or after the place that it names. */
function placesOf(text: string, { message, range }: Report, rule: string): Secret[] {
	const named = Object.values(message.data ?? {}).filter(
		(value): value is string => typeof value === "string" && value !== "",
	);
	const secret = named.sort((a, b) => b.length - a.length)[0];
	const at = secret === undefined ? -1 : text.indexOf(secret, range[0]);
	if (secret === undefined || at === -1)
		return range[1] > range[0] ? [{ start: range[0], end: range[1], rule }] : [];
	const password = passwordIn(secret);
	return [{ start: at + password.start, end: at + password.end, rule }];
}

/** Of an address with a password in it only the password is secret. */
function passwordIn(secret: string): { start: number; end: number } {
	const credentials = /^[a-z][a-z0-9+.:-]*:\/\/[^:/\s]*:([^@/\s]+)@/i.exec(secret);
	if (!credentials?.[1]) return { start: 0, end: secret.length };
	const end = credentials[0].length - 1;
	return { start: end - credentials[1].length, end };
}

function merged(secrets: Secret[]): Secret[] {
	const result: Secret[] = [];
	for (const secret of secrets.sort((a, b) => a.start - b.start || b.end - a.end)) {
		const last = result.at(-1);
		if (!last || secret.start >= last.end) result.push({ ...secret });
		else last.end = Math.max(last.end, secret.end);
	}
	return result;
}
