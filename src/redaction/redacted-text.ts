/**
 * A text that grows, and what of it may be shown. `RedactedText` holds back what may be the beginning of a
 * secret; see `redact-ops.ts` for the rule. Its work is that of the open lines, not of the whole text.
 */
import { markOf } from "./redactor.ts";
import type { FindSecrets } from "./secret-rules.ts";

/** The shown text changes: its first `keep` characters stay, then `add`. `cut`: some of it went. */
export type Edit = { keep: number; add: string; cut: boolean };

/** Something is assigned in the line, or an address begun: a secret may still grow to its end. */
const SUSPICIOUS =
	/(?:secret|token|passw|passphrase|pwd|key|credential|account|auth)\S{0,60}\s{0,8}(?:=|:)|:\/\/\S{0,300}$/i;
/** What follows in the next line may belong to it. */
const GOES_ON = /[:=>]\s*$/;
const KEY_BEGIN = "-----BEGIN";
/** A line, or a key, that is longer goes out by its words, so that a reader does not wait for ever. */
const MOST_HELD = 16 * 1024;

export class RedactedText {
	readonly #find: FindSecrets;
	#raw = "";
	/** Starts of open stretches: raw position, and the length of what was shown then. */
	#stretches: { raw: number; shown: number }[] = [{ raw: 0, shown: 0 }];
	/** Raw characters let go. */
	#passed = 0;
	#shown = 0;

	constructor(find: FindSecrets) {
		this.#find = find;
	}

	/** Characters fed, hidden ones included. */
	get length(): number {
		return this.#raw.length;
	}

	/** The raw text keeps its first `keep` characters and goes on with `text`. */
	edit(keep: number, text: string): Edit {
		const from = Math.min(keep, this.#raw.length);
		const before = this.#shown;
		if (from < this.#passed) this.#goBack(from);
		this.#raw = (from === this.#raw.length ? this.#raw : this.#raw.slice(0, from)) + text;
		const start = this.#shown;
		return { keep: start, add: this.#pass(this.#safeEnd()), cut: start < before };
	}

	/** Nothing follows: what was held back goes. */
	end(): Edit {
		const keep = this.#shown;
		return { keep, add: this.#pass(this.#raw.length), cut: false };
	}

	#goBack(position: number): void {
		while (this.#stretches.length > 1 && (this.#stretches.at(-1) as { raw: number }).raw > position)
			this.#stretches.pop();
		const { raw, shown } = this.#stretches.at(-1) as { raw: number; shown: number };
		this.#passed = raw;
		this.#shown = shown;
	}

	/** Lets go of everything before `position`, redacted. */
	#pass(position: number): string {
		if (position <= this.#passed) return "";
		const origin = (this.#stretches.at(-1) as { raw: number }).raw;
		const stretch = this.#raw.slice(origin, position);
		let added = "";
		let at = this.#passed - origin;
		for (const { start, end, rule } of this.#find(stretch)) {
			if (end <= at) continue;
			added += stretch.slice(at, Math.max(at, start)) + markOf(rule);
			at = end;
		}
		added += stretch.slice(at);
		this.#passed = position;
		this.#shown += added.length;
		this.#closeStretch(origin, stretch);
		return added;
	}

	/** Whole lines need not be looked at again, unless the next may belong to them. */
	#closeStretch(origin: number, stretch: string): void {
		if (!stretch.endsWith("\n") || GOES_ON.test(stretch.slice(-200)) || hasOpenKey(stretch)) return;
		this.#stretches.push({ raw: origin + stretch.length, shown: this.#shown });
		// Only an edit of what was shown long ago goes back further; it then begins at the start.
		if (this.#stretches.length > 1000) this.#stretches.splice(1, 500);
	}

	#safeEnd(): number {
		const origin = (this.#stretches.at(-1) as { raw: number }).raw;
		const stretch = this.#raw.slice(origin);
		const line = stretch.lastIndexOf("\n") + 1;
		const open = stretch.slice(line);
		let safe = line + lastSpace(open);
		if (open.length <= MOST_HELD && SUSPICIOUS.test(open)) safe = line;
		// A key goes out as one: of a part of it no rule would know what it is. The first one that is open counts.
		const from = Math.max(0, stretch.length - MOST_HELD);
		for (let key = stretch.indexOf(KEY_BEGIN, from); key !== -1 && key < safe; ) {
			if (keyEnd(stretch, key) > safe) safe = key;
			key = stretch.indexOf(KEY_BEGIN, key + KEY_BEGIN.length);
		}
		return origin + safe;
	}
}

/** Just behind the last white space, 0 when there is none. */
function lastSpace(text: string): number {
	const match = /\s\S*$/.exec(text.slice(-MOST_HELD));
	return match ? text.length - match[0].length + 1 : text.length > MOST_HELD ? text.length : 0;
}

/**
 * Where the private key ends that begins at `begin`: behind the word in which its last line ends; infinity
 * while that is not there, and `begin` when it is none.
 */
function keyEnd(text: string, begin: number): number {
	if (!/^-----BEGIN(?:[A-Z0-9 ]{0,60}$|[A-Z0-9 ]{0,60}PRIVATE KEY)/.test(text.slice(begin, begin + 100)))
		return begin;
	const end = /-----END[^-\n]{0,60}-----\S{0,300}\s/.exec(text.slice(begin));
	return end ? begin + end.index + end[0].length : Number.POSITIVE_INFINITY;
}

function hasOpenKey(text: string): boolean {
	const begin = text.lastIndexOf(KEY_BEGIN);
	return begin !== -1 && keyEnd(text, begin) === Number.POSITIVE_INFINITY;
}
