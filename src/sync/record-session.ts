/**
 * What a hosted OpenSync is told of a session as a whole, added up entry by entry. All numbers are absolute
 * and follow from the entries alone, so telling them again changes nothing. What a fork took from its parent
 * counts for the parent only. Pure.
 */
import { firstLine, plainLine } from "../lib/plain-text.ts";
import { TITLE_CHARS } from "../protocol/limits.ts";
import type { OpenSyncSession } from "../protocol/opensync.ts";
import type { SourceEntry } from "./ports.ts";
import { wellFormed } from "./record-message.ts";

type Json = Readonly<Record<string, unknown>>;

export type RecordPlace = {
	projectPath: string;
	projectName: string;
	/** ms since the epoch. */
	startedAt: number;
};

export class RecordSession {
	readonly #sessionId: string;
	/** Entries from before this moment came with the fork, ms since the epoch. */
	readonly #forkedAt: number | null;
	readonly #parentId: string | null;
	#model: string | undefined;
	#provider: string | undefined;
	#promptTokens = 0;
	#completionTokens = 0;
	#cost = 0;
	/** Of the runs that are over. */
	#workedMs = 0;
	#runStart: number | null = null;
	#runEnd: number | null = null;
	#firstPrompt: SourceEntry | null = null;
	#named: SourceEntry | null = null;
	#begun = false;

	/** @param header of the session file. */
	constructor(sessionId: string, header: Json | null) {
		this.#sessionId = sessionId;
		const parent = header?.parentSession;
		const at = Date.parse(String(header?.timestamp));
		this.#forkedAt = typeof parent === "string" && Number.isFinite(at) ? at : null;
		this.#parentId = typeof parent === "string" ? idIn(parent) : null;
	}

	/** Somebody has said something: before that there is nothing to record. */
	get hasBegun(): boolean {
		return this.#begun;
	}

	/** The entry that gives the title; null: none does. Its text is to be redacted before it goes to `told`. */
	get titleSource(): SourceEntry | null {
		return this.#named ?? this.#firstPrompt;
	}

	/** In the order of the file. */
	take(entry: SourceEntry): void {
		const json = entry as unknown as Json;
		const message = objectOf(json.message);
		const role = entry.type === "message" ? message.role : undefined;
		if (entry.type === "session_info") this.#named = text(json.name) ? entry : null;
		if (role === "user") this.#firstPrompt ??= entry;
		if (role === "user" || role === "assistant") this.#begun = true;
		if (role === "assistant") this.#modelIs(text(message.model), text(message.provider));
		if (entry.type === "model_change") this.#modelIs(text(json.modelId), text(json.provider));
		const at = Date.parse(entry.timestamp);
		if (this.#forkedAt !== null && at < this.#forkedAt) return;
		this.#spent(objectOf(message.usage ?? json.usage));
		if (Number.isFinite(at)) this.#worked(role, at);
	}

	/** @param titleJson the line of `titleSource`, redacted; null without one. */
	told(place: RecordPlace, titleJson: string | null): OpenSyncSession {
		const title = (titleJson === null ? "" : titleIn(titleJson)) || place.projectName || "Untitled";
		const mark = this.#parentId === null ? "" : `[Fork::${this.#parentId.slice(0, 8)}] `;
		return {
			externalId: this.#sessionId,
			source: "pi",
			title: wellFormed(`${mark}${title}`),
			projectPath: wellFormed(place.projectPath),
			projectName: wellFormed(place.projectName),
			...(this.#model === undefined ? {} : { model: wellFormed(this.#model) }),
			...(this.#provider === undefined ? {} : { provider: wellFormed(this.#provider) }),
			promptTokens: this.#promptTokens,
			completionTokens: this.#completionTokens,
			cost: this.#cost,
			durationMs: this.#workedMs + Math.max(0, (this.#runEnd ?? 0) - (this.#runStart ?? 0)),
			createdAt: place.startedAt,
		};
	}

	#modelIs(model: string | undefined, provider: string | undefined): void {
		this.#model = model ?? this.#model;
		this.#provider = provider ?? this.#provider;
	}

	#spent(usage: Json): void {
		this.#promptTokens += amount(usage.input) + amount(usage.cacheRead) + amount(usage.cacheWrite);
		this.#completionTokens += amount(usage.output);
		this.#cost += amount(objectOf(usage.cost).total);
	}

	/** A run lasts from its prompt to the last thing said before the next prompt. */
	#worked(role: unknown, at: number): void {
		if (role === "user") {
			this.#workedMs += Math.max(0, (this.#runEnd ?? 0) - (this.#runStart ?? 0));
			this.#runStart = at;
			this.#runEnd = at;
		} else if (this.#runStart !== null && (role === "assistant" || role === "toolResult")) this.#runEnd = at;
	}
}

/** What OpenSync compares before it drops an update that comes within its window. */
export const comparedKey = ({
	title,
	model,
	projectPath,
	promptTokens,
	completionTokens,
}: OpenSyncSession): string =>
	JSON.stringify([title, model ?? null, projectPath, promptTokens, completionTokens]);

/** Pi names a parent by its file, `<time>_<id>.jsonl`. */
function idIn(file: string): string {
	const name = file.split(/[\\/]/).at(-1) ?? file;
	return (
		name
			.replace(/\.jsonl$/, "")
			.split("_")
			.at(-1) ?? name
	);
}

/** The given name, or the first line of the prompt. */
function titleIn(json: string): string {
	const entry = parsed(json);
	if (entry.type === "session_info") return firstLine(plainLine(text(entry.name) ?? ""), TITLE_CHARS - 1);
	const { content } = objectOf(entry.message);
	const blocks = Array.isArray(content) ? (content as Json[]) : [];
	const said =
		typeof content === "string" ? content : blocks.map((block) => text(block?.text) ?? "").join("\n");
	return plainLine(firstLine(said, TITLE_CHARS - 1)).trim();
}

/** So small that any sum of them is a number. */
const amount = (value: unknown): number =>
	typeof value === "number" && value > 0 ? Math.min(value, Number.MAX_SAFE_INTEGER) : 0;

const text = (value: unknown): string | undefined =>
	typeof value === "string" && value !== "" ? value : undefined;

const objectOf = (value: unknown): Json =>
	typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};

function parsed(json: string): Json {
	try {
		return objectOf(JSON.parse(json));
	} catch {
		// A transform that gave something else: no title.
		return {};
	}
}
