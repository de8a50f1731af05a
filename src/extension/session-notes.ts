/**
 * What a terminal says of the session that it shares. Drawing the transcript anew takes notices off the
 * screen, whoever wrote them: those of ours that are fresh are said again.
 */
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { Clock } from "../lib/clock.ts";
import { plainText } from "../lib/plain-text.ts";

type Note = { text: string; level: "info" | "warning"; at: number };

/** Somebody who looks away for a moment should find a note all the same. */
const FRESH_MS = 30_000;

export class SessionNotes {
	readonly #ctx: Pick<ExtensionContext, "hasUI" | "ui">;
	readonly #clock: Pick<Clock, "now">;
	#fresh: Note[] = [];

	constructor(ctx: Pick<ExtensionContext, "hasUI" | "ui">, clock: Pick<Clock, "now">) {
		this.#ctx = ctx;
		this.#clock = clock;
	}

	tell(text: string, level: Note["level"]): void {
		this.#show(this.keep(text, level));
	}

	/** To be said when the transcript is next drawn, if that is soon. */
	keep(text: string, level: Note["level"]): Note {
		const note = { text: `OpenSync: ${plainText(text)}`, level, at: this.#clock.now() };
		this.#fresh = [...this.#fresh.filter((one) => one.text !== note.text), note];
		return note;
	}

	/** The transcript was drawn anew. */
	drawn(): void {
		const from = this.#clock.now() - FRESH_MS;
		this.#fresh = this.#fresh.filter(({ at }) => at >= from);
		for (const note of this.#fresh) this.#show(note);
	}

	#show({ text, level }: Note): void {
		if (this.#ctx.hasUI) this.#ctx.ui.notify(text, level);
	}
}
