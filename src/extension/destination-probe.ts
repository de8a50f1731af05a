/**
 * Asks who answers at the backend's address when that is in doubt: a sync that gets no connection may speak to
 * a hosted OpenSync, which records and knows nothing of what is live; and what was one may be a backend of
 * ours by now.
 */
import { type Answering, whatAnswers } from "../backend/opensync-check.ts";
import { ownFetch } from "../backend/own-machine.ts";
import { endable } from "../backend/token-exchange.ts";
import type { Settings } from "../config/options.ts";
import type { Clock } from "../lib/clock.ts";
import { knownHosts, noteHost } from "./destinations.ts";

/** Between two questions while nothing is known; the last one stays. */
const AGAIN_MS = [2_000, 10_000, 60_000];

export class DestinationProbe {
	readonly #settings: Settings;
	readonly #clock: Clock;
	readonly #onChange: () => void;
	#question: Promise<void> | null = null;
	#answer: Answering | null = null;
	#asked = 0;
	/** Nothing was known a moment ago. A timer's word and no time of day: that may be set back. */
	#isPausing = false;
	readonly #end = new AbortController();

	/** @param onChange the answer is another one than was noted, and is noted now. */
	constructor(settings: Settings, clock: Clock, onChange: () => void) {
		this.#settings = settings;
		this.#clock = clock;
		this.#onChange = onChange;
	}

	/** Nobody has answered yet, nor was there time to. */
	get isOpen(): boolean {
		return this.#answer === null;
	}

	/** Where the OpenSync is that answers; null: none does, or it is not known. */
	get openSyncSite(): string | null {
		return this.#answer?.kind === "openSync" ? this.#answer.siteUrl : null;
	}

	/** There is doubt. Asks at once the first time, then now and then; settles with the answer and never rejects. */
	look(): Promise<void> {
		const isKnown = this.#answer !== null && this.#answer.kind !== "unknown";
		if (this.#end.signal.aborted || isKnown || this.#isPausing) return Promise.resolve();
		this.#question ??= this.#ask().finally(() => {
			this.#question = null;
		});
		return this.#question;
	}

	async #ask(): Promise<void> {
		const { convexUrl, siteUrl } = this.#settings;
		const answer = await whatAnswers({
			convexUrl,
			siteUrl: siteUrl || null,
			fetch: endable(ownFetch, this.#end.signal),
		});
		if (this.#end.signal.aborted) return;
		this.#answer = answer;
		if (answer.kind === "unknown") {
			const pause = AGAIN_MS[Math.min(this.#asked, AGAIN_MS.length - 1)] ?? 0;
			this.#asked += 1;
			this.#isPausing = true;
			this.#clock.after(pause, () => {
				this.#isPausing = false;
				void this.look();
			});
			return;
		}
		const site = answer.kind === "openSync" ? answer.siteUrl : null;
		if ((knownHosts()[convexUrl] ?? null) === site) return;
		noteHost(convexUrl, site);
		this.#onChange();
	}

	stop(): void {
		this.#end.abort();
	}
}
