/** Figures as people read them. */
import type { Tokens } from "../protocol/session.ts";

/** `950`, `1.2k`, `34k`, `5.6M`. */
export function shortCount(count: number): string {
	if (count < 1000) return String(Math.round(count));
	if (count < 999_500) return `${trimmed(count / 1000)}k`;
	return `${trimmed(count / 1_000_000)}M`;
}

function trimmed(value: number): string {
	return value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value));
}

/** What was read and written by the model, cached reads included. */
export function allTokens(tokens: Tokens): number {
	return tokens.input + tokens.output + tokens.cacheRead + tokens.cacheWrite;
}

/** US dollars: `$0`, `<$0.01`, `$1.23`, `$1,234`. */
export function dollars(amount: number): string {
	if (amount <= 0) return "$0";
	if (amount < 0.01) return "<$0.01";
	return amount < 1000 ? `$${amount.toFixed(2)}` : `$${Math.round(amount).toLocaleString("en-US")}`;
}

const AGES: readonly [number, string][] = [
	[60_000, "s"],
	[3_600_000, "m"],
	[86_400_000, "h"],
	[7 * 86_400_000, "d"],
];

/** Time since `at` (ms since the epoch): `now`, `12s`, `5m`, `3h`, `6d`, else the date. */
export function age(at: number, now: number): string {
	const ms = Math.max(0, now - at);
	if (ms < 5000) return "now";
	let unit = 1000;
	for (const [below, letter] of AGES) {
		if (ms < below) return `${Math.floor(ms / unit)}${letter}`;
		unit = below;
	}
	return localDate(new Date(at));
}

/** The day as the reader's clock has it. An entry's time may be any number; not each is a date. */
function localDate(date: Date): string {
	if (Number.isNaN(date.getTime())) return "no date";
	const two = (value: number): string => String(value).padStart(2, "0");
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** When something was last active, in words: `active now`, `active 5m ago`, `active 2025-06-02`. */
export function lastActive(at: number, now: number): string {
	const said = age(at, now);
	return /^\d+[smhd]$/.test(said) ? `active ${said} ago` : `active ${said}`;
}

/** ms until the text of `age` may change. */
export function nextAgeChange(at: number, now: number): number {
	const ms = Math.max(0, now - at);
	if (ms < 60_000) return 1000;
	return ms < 3_600_000 ? 60_000 - (ms % 60_000) : 60_000;
}

/** `812 B`, `1.2 kB`, `3.4 MB`. */
export function byteSize(bytes: number): string {
	if (bytes < 1000) return `${bytes} B`;
	if (bytes < 999_500) return `${trimmed(bytes / 1000)} kB`;
	return `${trimmed(bytes / 1_000_000)} MB`;
}

/** `1 entry`, `2 entries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
	return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/** A length of time in ms: `8s`, `12m`, `3h 5m`, `2d 4h`. */
export function duration(ms: number): string {
	const seconds = Math.max(0, Math.round(ms / 1000));
	if (seconds < 60) return `${seconds}s`;
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60) return `${minutes}m`;
	const hours = Math.floor(minutes / 60);
	return hours < 24
		? twoUnits(hours, "h", minutes % 60, "m")
		: twoUnits(Math.floor(hours / 24), "d", hours % 24, "h");
}

const twoUnits = (large: number, name: string, small: number, smallName: string): string =>
	small === 0 ? `${large}${name}` : `${large}${name} ${small}${smallName}`;
