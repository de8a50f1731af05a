/**
 * When a hosted OpenSync is told what a session has become. It drops an update within 10 s of the last
 * change unless what it compares is another, so an update waits while anything that OpenSync may hold now
 * would make it drop this one. The same update again is no matter: it is there already, or it is taken.
 */
import type { Clock } from "../lib/clock.ts";
import type { Transform } from "./contract.ts";
import type { PostOutcome, SessionSource, SourceEntry } from "./ports.ts";
import { comparedKey, type RecordPlace, RecordSession } from "./record-session.ts";

/** OpenSync's 10 s, and some for the way there. */
const WINDOW_MS = 11_000;

export type RecordTellingOptions = {
	source: SessionSource;
	place: () => RecordPlace;
	transform?: Transform;
	clock: Clock;
};

/** A session as it is told, as JSON. */
export type Told = string;

export class RecordTelling {
	readonly #options: RecordTellingOptions;
	readonly #session: RecordSession;
	#counted = 0;
	#title: { entryId: string; json: string } | null = null;
	/** What OpenSync may hold by all that was sent. */
	#possible = new Set<Told>();
	#refused: Told | null = null;

	constructor(options: RecordTellingOptions) {
		this.#options = options;
		this.#session = new RecordSession(options.source.sessionId, options.source.header());
	}

	/** Somebody has said something. */
	get hasBegun(): boolean {
		return this.#session.hasBegun;
	}

	/** @param entries all of the source. @returns whether somebody has said something. */
	count(entries: readonly SourceEntry[]): boolean {
		for (; this.#counted < entries.length; this.#counted += 1) {
			const entry = entries[this.#counted];
			if (entry) this.#session.take(entry);
		}
		return this.#session.hasBegun;
	}

	/** What an earlier run knew to be kept. */
	load(known: Told | null): void {
		if (known !== null) this.#possible = new Set([known]);
	}

	/** It was refused as it is now, and is not tried again before it is another. */
	get isRefused(): boolean {
		return this.#refused !== null && this.#refused === this.now;
	}

	retryRefused(): void {
		this.#refused = null;
	}

	/** The session as it is. A title that cannot be redacted stays away. */
	async told(): Promise<Told> {
		const title = this.#session.titleSource;
		if (title && title.id !== this.#title?.entryId) {
			const json = JSON.stringify(title);
			this.#title = { entryId: title.id, json: await this.#redacted(json, title.type) };
		}
		return this.now ?? (await this.told());
	}

	async #redacted(json: string, type: string): Promise<string> {
		const { transform } = this.#options;
		if (!transform) return json;
		try {
			return (await transform(json, type)).json;
		} catch {
			// The message itself is parked with its reason.
			return "{}";
		}
	}

	/** The same at once; null while its title is still to be redacted. */
	get now(): Told | null {
		const title = this.#session.titleSource;
		if (title && title.id !== this.#title?.entryId) return null;
		return JSON.stringify(
			this.#session.told(this.#options.place(), title ? (this.#title?.json ?? null) : null),
		);
	}

	/**
	 * ms until it can be told so that it is kept; null: there is no need.
	 * @param known what is surely kept. @param touchedAt when anything was sent last. @param running a run is on, whose end is to tell it.
	 */
	dueMs(told: Told, known: Told | null, touchedAt: number, running: boolean): number | null {
		if (told === known || told === this.#refused || (running && known !== null)) return null;
		const key = comparedKey(JSON.parse(told));
		const isDropped = [...this.#possible].some((one) => one !== told && comparedKey(JSON.parse(one)) === key);
		if (!isDropped) return 0;
		const now = this.#options.clock.now();
		return Math.max(0, Math.min(now, touchedAt) + WINDOW_MS - now);
	}

	sent(told: Told, outcome: PostOutcome): void {
		if (outcome.kind === "ok") this.#possible = new Set([told]);
		if (outcome.kind === "retry") this.#possible.add(told);
		this.#refused = outcome.kind === "refused" ? told : null;
	}
}
