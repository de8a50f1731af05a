/**
 * Prompts between terminals: sends those that are typed here for the holder, and, where this terminal drives
 * the session, takes in those of the others.
 *
 * Guarantees: a prompt has one id from its author on, so sending again is one prompt (C1); it is run by who
 * accepted it, once, under the turn lock; its author learns what became of it, and gets the text back when it
 * was not run. What is typed is never lost: until the backend has it, it is sent again.
 */
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { utf8Bytes } from "../lib/utf8.ts";
import { INLINE_PROMPT_BYTES } from "../protocol/limits.ts";
import type { PromptContent, PromptKind, PromptState, PromptView } from "../protocol/prompt.ts";
import { BackendError, type LiveBackend } from "./ports.ts";

/** A prompt of this terminal's author, as long as it is not over. */
export type OwnPrompt = {
	readonly promptId: string;
	readonly kind: PromptKind;
	readonly content: PromptContent;
	/** How often its text has to be in the session before it can be this one. */
	readonly saidBefore: number;
	state: "sending" | PromptState;
};

export type PromptDeskOptions = {
	backend: Pick<
		LiveBackend,
		| "sendPrompt"
		| "withdrawPrompt"
		| "acceptPrompt"
		| "advancePrompt"
		| "onPrompts"
		| "onConnection"
		| "entryJson"
		| "upload"
	>;
	clock: Clock;
	sessionId: string;
	terminalId: string;
	newId: () => string;
	/** The epoch under which this terminal may accept now; null: it may not. */
	epoch: () => number | null;
	/** Nobody drives the session: what is queued here may be run here. */
	isFree: () => boolean;
	/** Runs an accepted prompt, or ends what runs. */
	run: (prompt: PromptView, content: PromptContent) => void;
	/** A prompt from here waits and nobody drives: acquire and come back with `look`. */
	drive: () => void;
	/** How often the session holds a prompt with this text. */
	said: (text: string) => number;
	/** Settles when what the others said is in the session, or soon after. */
	level: () => Promise<void>;
	/** Own prompts have changed. `back`: texts that were not run. */
	onOwn: (own: readonly OwnPrompt[], back: readonly OwnPrompt[], reason: string | null) => void;
	log: (line: string) => void;
};

export class PromptDesk {
	readonly #options: PromptDeskOptions;
	readonly #end: () => void;
	#own: OwnPrompt[] = [];
	/** Own prompts that were begun: what is begun and not stored is lost with its holder. */
	#begun: OwnPrompt[] = [];
	#list: readonly PromptView[] = [];
	/** Accepted or being accepted by this terminal: never a second time. */
	readonly #taken = new Set<string>();
	#taking = Promise.resolve();
	#stopped = false;

	constructor(options: PromptDeskOptions) {
		this.#options = options;
		this.#end = options.backend.onPrompts(options.sessionId, (prompts) => {
			this.#list = prompts;
			this.#observeOwn();
			this.look();
		});
	}

	/** Own prompts that are not over, oldest first. */
	get own(): readonly OwnPrompt[] {
		return this.#own;
	}

	/** Sends a prompt to whoever drives the session. */
	send(kind: PromptKind, content: PromptContent): OwnPrompt {
		const alike = [...this.#own, ...this.#begun].filter((one) => one.content.text === content.text);
		const saidBefore = this.#options.said(content.text) + alike.length;
		const prompt: OwnPrompt = {
			promptId: this.#options.newId(),
			...{ kind, content, saidBefore },
			state: "sending",
		};
		if (kind !== "abort") this.#own.push(prompt);
		void this.#send(prompt, 0);
		this.#options.onOwn(this.#own, [], null);
		return prompt;
	}

	/** Takes back what was not accepted yet. @returns what is taken back; should one be accepted after all, `onKept` names it. */
	withdraw(onKept: (prompt: OwnPrompt) => void): OwnPrompt[] {
		const open = this.#own.filter(({ state }) => state === "sending" || state === "queued");
		this.#own = this.#own.filter((one) => !open.includes(one));
		for (const prompt of open) {
			prompt.state = "withdrawn";
			void this.#withdraw(prompt, onKept, 0);
		}
		if (open.length > 0) this.#options.onOwn(this.#own, [], null);
		return open;
	}

	/** What may be accepted now is. */
	look(): void {
		if (this.#stopped) return;
		const { terminalId, epoch, isFree, drive } = this.#options;
		// What was accepted here without our hearing of it is asked for again: the backend says the same.
		const queued = this.#list.filter(
			({ promptId, state, acceptedBy }) =>
				!this.#taken.has(promptId) &&
				(state === "queued" || (state === "accepted" && acceptedBy === terminalId)),
		);
		if (epoch() === null) this.#giveBackLost();
		if (queued.length === 0) return;
		if (epoch() !== null) {
			for (const prompt of queued) this.#take(prompt);
		} else if (isFree() && queued.some((one) => one.terminalId === terminalId)) drive();
	}

	/** What became of an accepted prompt. */
	advance(promptId: string, state: "started" | "done" | "failed" | "returned", reason?: string): void {
		const { backend, terminalId, log } = this.#options;
		const args = { promptId, terminalId, state, ...(reason ? { reason } : {}) };
		void backend.advancePrompt(args).catch((error: unknown) => log(`prompt ${state}: ${String(error)}`));
	}

	stop(): void {
		this.#stopped = true;
		this.#end();
	}

	async #send(prompt: OwnPrompt, failures: number): Promise<void> {
		const { backend, sessionId, terminalId } = this.#options;
		try {
			const json = JSON.stringify(prompt.content);
			const bytes = utf8Bytes(json);
			const body =
				bytes <= INLINE_PROMPT_BYTES
					? { kind: "inline" as const, json }
					: { kind: "stored" as const, storageId: await backend.upload(json), bytes };
			if (prompt.state !== "sending") return;
			const state = await backend.sendPrompt({
				sessionId,
				promptId: prompt.promptId,
				terminalId,
				kind: prompt.kind,
				body,
			});
			if (prompt.state !== "sending") return;
			// Sent again after an answer that was lost it may be over by now.
			if (prompt.kind === "abort") prompt.state = state;
			else this.#learn([{ prompt, state, reason: null }]);
			this.#observeOwn();
		} catch (error) {
			if (this.#stopped || prompt.state !== "sending") return;
			if (error instanceof BackendError && error.kind !== "unreachable")
				return this.#failed(prompt, error.message);
			// An order to stop that comes minutes late would stop something else.
			if (prompt.kind === "abort" && failures > 3) return;
			this.#later(failures, () => void this.#send(prompt, failures + 1));
		}
	}

	/** After a while, and at once when the link is back. */
	#later(failures: number, again: () => void): void {
		const { backend, clock } = this.#options;
		const go = (): void => {
			cancel();
			unlisten();
			if (!this.#stopped) again();
		};
		const cancel = clock.after(backoffMs(failures), go);
		const unlisten = backend.onConnection(({ kind }) => kind === "connected" && go());
	}

	#failed(prompt: OwnPrompt, reason: string): void {
		prompt.state = "failed";
		this.#own = this.#own.filter((one) => one !== prompt);
		this.#options.onOwn(this.#own, prompt.kind === "abort" ? [] : [prompt], reason);
	}

	async #withdraw(prompt: OwnPrompt, onKept: (prompt: OwnPrompt) => void, failures: number): Promise<void> {
		try {
			const state = await this.#options.backend.withdrawPrompt(prompt.promptId);
			if (state === "withdrawn" || state === "failed" || state === "returned") return;
			prompt.state = state;
			this.#own.push(prompt);
			onKept(prompt);
			this.#options.onOwn(this.#own, [], null);
		} catch (error) {
			// Refused: the backend never had it.
			if (this.#stopped || (error instanceof BackendError && error.kind !== "unreachable")) return;
			this.#later(failures, () => void this.#withdraw(prompt, onKept, failures + 1));
		}
	}

	#observeOwn(): void {
		this.#learn(
			[...this.#own, ...this.#begun].flatMap((prompt) => {
				const view = this.#list.find(({ promptId }) => promptId === prompt.promptId);
				if (!view || view.state === prompt.state || prompt.state === "sending") return [];
				return [{ prompt, state: view.state, reason: view.reason }];
			}),
		);
	}

	/** What the backend says became of own prompts. */
	#learn(news: readonly { prompt: OwnPrompt; state: PromptState; reason: string | null }[]): void {
		if (news.length === 0) return;
		for (const { prompt, state } of news) {
			prompt.state = state;
			if (state === "queued" || state === "accepted") continue;
			this.#own = this.#own.filter((one) => one !== prompt);
			this.#begun = this.#begun.filter((one) => one !== prompt);
			if (state === "started") this.#begun.push(prompt);
		}
		this.#options.onOwn(this.#own, [], null);
		const back = news.filter(({ state }) => state === "returned" || state === "failed");
		if (back.length > 0) void this.#giveBack(back);
	}

	/** What was lost with its holder may be said all the same. */
	async #giveBack(over: readonly { prompt: OwnPrompt; reason: string | null }[]): Promise<void> {
		const { said, level, onOwn } = this.#options;
		if (over.some(({ prompt }) => prompt.state === "failed")) await level();
		const back = over.filter(
			({ prompt: { state, content, saidBefore } }) => state !== "failed" || said(content.text) <= saidBefore,
		);
		const told = back.findLast(({ reason }) => reason !== null);
		if (back.length > 0)
			onOwn(
				this.#own,
				back.map(({ prompt }) => prompt),
				told?.reason ?? null,
			);
	}

	/** In the order of their coming, one after the other. */
	#take(prompt: PromptView): void {
		this.#taken.add(prompt.promptId);
		this.#taking = this.#taking.then(() => this.#accept(prompt));
	}

	/** Accepted here without our hearing of it, and not to be run here any more. */
	#giveBackLost(): void {
		const { terminalId } = this.#options;
		for (const { promptId, state, acceptedBy } of this.#list) {
			if (state !== "accepted" || acceptedBy !== terminalId || this.#taken.has(promptId)) continue;
			this.#taken.add(promptId);
			this.advance(promptId, "returned");
		}
	}

	async #accept(prompt: PromptView): Promise<void> {
		const { backend, terminalId, epoch, run, log } = this.#options;
		const current = epoch();
		if (this.#stopped || current === null) return void this.#taken.delete(prompt.promptId);
		try {
			const content = JSON.parse(await backend.entryJson(prompt)) as PromptContent;
			const answer = await backend.acceptPrompt({ promptId: prompt.promptId, terminalId, epoch: current });
			if (answer.kind === "accepted") run(prompt, content);
			else if (answer.state === "accepted") this.advance(prompt.promptId, "returned");
		} catch (error) {
			log(`a prompt could not be accepted: ${String(error)}`);
			// Whether it was is not known: asked again, the backend says the same.
			this.#taken.delete(prompt.promptId);
			this.#options.clock.after(1_000, () => this.look());
		}
	}
}
