/**
 * Asks who answers at the backend's address when that is in doubt: a sync that gets no connection may speak to
 * a hosted OpenSync, which records and knows nothing of what is live; and what was one may be a backend of
 * ours by now.
 */
import { whatAnswers } from "../backend/opensync-check.ts";
import type { Settings } from "../config/options.ts";
import type { Clock } from "../lib/clock.ts";
import { knownHosts, noteHost } from "./destinations.ts";

/** Between two questions while nothing is known; the last one stays. */
const AGAIN_MS = [2_000, 10_000, 60_000];

export class DestinationProbe {
	readonly #settings: Settings;
	readonly #clock: Clock;
	readonly #onChange: () => void;
	#asking = false;
	#isKnown = false;
	#asked = 0;
	#nextAt = 0;
	#stopped = false;

	/** @param onChange the answer is another one than was noted, and is noted now. */
	constructor(settings: Settings, clock: Clock, onChange: () => void) {
		this.#settings = settings;
		this.#clock = clock;
		this.#onChange = onChange;
	}

	/** There is doubt. Asks at once the first time, then now and then; never rejects. */
	async look(): Promise<void> {
		if (this.#stopped || this.#asking || this.#isKnown || this.#clock.now() < this.#nextAt) return;
		this.#asking = true;
		const { convexUrl, siteUrl } = this.#settings;
		const answer = await whatAnswers({ convexUrl, siteUrl: siteUrl || null });
		this.#asking = false;
		if (this.#stopped) return;
		if (answer.kind === "unknown") {
			const pause = AGAIN_MS[Math.min(this.#asked, AGAIN_MS.length - 1)] ?? 0;
			this.#asked += 1;
			this.#nextAt = this.#clock.now() + pause;
			this.#clock.after(pause, () => void this.look());
			return;
		}
		this.#isKnown = true;
		const site = answer.kind === "openSync" ? answer.siteUrl : null;
		if ((knownHosts()[convexUrl] ?? null) === site) return;
		noteHost(convexUrl, site);
		this.#onChange();
	}

	stop(): void {
		this.#stopped = true;
	}
}
