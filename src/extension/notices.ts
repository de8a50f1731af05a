/**
 * What a person is told, once for each change of state (H2). A state counts when it lasted for
 * `SETTLE_MS`, so that a hiccup of the network says nothing; a refused key is told at once.
 */
import type { Clock } from "../lib/clock.ts";
import type { Condition } from "./footer-text.ts";

export type Notice = { text: string; level: "info" | "warning" | "error" };

const SETTLE_MS = 2_000;

type Told = "nothing" | "offline" | "signedOut" | "unset" | "broken";

export class Notices {
	readonly #clock: Clock;
	readonly #show: (notice: Notice) => void;
	readonly #url: () => string;
	#told: Told = "nothing";
	#next: Told = "nothing";
	#cancel: (() => void) | null = null;
	#parkedTold = false;
	readonly #keysTold = new Set<string>();

	constructor(clock: Clock, url: () => string, show: (notice: Notice) => void) {
		this.#clock = clock;
		this.#url = url;
		this.#show = show;
	}

	/** @param condition the newest; may be the same as before. */
	observe(condition: Condition): void {
		this.#observeParked(condition);
		this.#observeKeys(condition);
		const next = toldBy(condition);
		if (next === null || next === this.#next) return;
		this.#next = next;
		this.#cancel?.();
		this.#cancel = null;
		if (next === this.#told) return;
		const reason = reasonOf(condition);
		if (next !== "offline") return this.#tell(next, reason);
		this.#cancel = this.#clock.after(SETTLE_MS, () => this.#tell(next, reason));
	}

	stop(): void {
		this.#cancel?.();
		this.#cancel = null;
	}

	#tell(next: Told, reason: string): void {
		const before = this.#told;
		this.#told = next;
		const notice = this.#notice(before, next, reason);
		if (notice) this.#show(notice);
	}

	#notice(before: Told, next: Told, reason: string): Notice | null {
		switch (next) {
			case "nothing":
				return before === "offline" || before === "signedOut"
					? { text: `OpenSync: connected to ${this.#url()} again.`, level: "info" }
					: null;
			case "offline":
				return {
					text: `OpenSync: ${this.#url()} does not answer. Pi goes on; what is new stays in the session file and is sent when the backend is back.`,
					level: "warning",
				};
			case "signedOut":
				return {
					text: `OpenSync: signed out. ${reason} Set a key with /opensync:config.`,
					level: "warning",
				};
			case "unset":
				return {
					text: "OpenSync: no API key yet. Start a backend with `npm start` in its folder, or set one with /opensync:config.",
					level: "info",
				};
			case "broken":
				return {
					text: `OpenSync could not be started: ${reason} See /opensync:doctor.`,
					level: "warning",
				};
		}
	}

	/** Of a second destination only a refused key is worth a word: the rest heals by itself. */
	#observeKeys(condition: Condition): void {
		if (condition.kind !== "syncing") return;
		for (const { host, link, reason } of condition.records ?? []) {
			if (link === "recording") this.#keysTold.delete(host);
			else if (link === "signedOut" && !this.#keysTold.has(host)) {
				this.#keysTold.add(host);
				this.#show({
					text: `OpenSync: ${reason ?? `${host} does not take the key.`} Set openSyncKey with /opensync:config.`,
					level: "warning",
				});
			}
		}
	}

	#observeParked(condition: Condition): void {
		if (!hasState(condition)) return;
		const recorded = (condition.records ?? []).find(({ parked }) => parked.length > 0);
		const first = condition.state.parked[0] ?? recorded?.parked[0];
		if (!first || this.#parkedTold) return;
		this.#parkedTold = true;
		this.#show({
			text: `OpenSync: ${recorded?.host ?? "the backend"} does not take an entry: ${first.message} The rest is sent. See /opensync:status.`,
			level: "warning",
		});
	}
}

/** Null: nothing is known yet, what was told stands. */
function toldBy(condition: Condition): Told | null {
	if (condition.kind === "off" || condition.kind === "starting")
		return condition.kind === "off" ? "nothing" : null;
	if (!hasState(condition)) return condition.kind;
	if (condition.state.link === "connecting") return null;
	return condition.state.link === "live" ? "nothing" : condition.state.link;
}

function reasonOf(condition: Condition): string {
	if (condition.kind === "broken") return condition.reason;
	return hasState(condition) ? (condition.state.reason ?? "") : "";
}

const hasState = (condition: Condition): condition is Extract<Condition, { kind: "syncing" | "recording" }> =>
	condition.kind === "syncing" || condition.kind === "recording";
