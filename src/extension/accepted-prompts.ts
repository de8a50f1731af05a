/** Prompts of other terminals that this Pi has taken in: found again by the text under which Pi queues them. */
type Fate = "started" | "done" | "failed" | "returned";
type Accepted = { promptId: string; text: string; started: boolean };

export class AcceptedPrompts {
	readonly #advance: (promptId: string, state: Fate, reason?: string) => void;
	#list: Accepted[] = [];

	constructor(advance: (promptId: string, state: Fate, reason?: string) => void) {
		this.#advance = advance;
	}

	add(promptId: string, text: string): void {
		this.#list.push({ promptId, text, started: false });
	}

	/** Skills and templates are queued as what they say. */
	queuedAs(promptId: string, text: string): void {
		const one = this.#list.find((accepted) => accepted.promptId === promptId);
		if (one) one.text = text;
	}

	/** A message with that text begins. */
	started(text: string): void {
		const waiting = this.#list.filter((accepted) => !accepted.started);
		const one = waiting.find((accepted) => accepted.text === text);
		if (!one) return;
		one.started = true;
		this.#advance(one.promptId, "started");
	}

	failed(promptId: string, reason: string): void {
		this.#list = this.#list.filter((one) => one.promptId !== promptId);
		this.#advance(promptId, "failed", reason);
	}

	/** Of what Pi takes out of its queue, what is this terminal's own; the rest goes back to its authors. */
	returnFrom(texts: readonly string[]): string[] {
		return texts.filter((text) => {
			const at = this.#list.findIndex((one) => !one.started && one.text === text);
			if (at === -1) return true;
			const [one] = this.#list.splice(at, 1);
			if (one) this.#advance(one.promptId, "returned");
			return false;
		});
	}

	/** Something is accepted and did not start. */
	get isWaiting(): boolean {
		return this.#list.some(({ started }) => !started);
	}

	/** The run is over. @param queued texts that Pi still keeps, as after an abort. */
	settled(queued: readonly string[]): void {
		const left = this.#list.filter(({ started, text }) => !started && queued.includes(text));
		for (const one of this.#list) if (!left.includes(one)) this.#advance(one.promptId, "done");
		this.#list = left;
	}
}
