/**
 * A run that is elsewhere, as this Pi's session: while another terminal drives, the session says that a run is
 * on, so Pi's own keys mean what they mean there, and what they do goes to the holder as prompts. And the other
 * way round: prompts of other terminals that are accepted here are handed to Pi.
 *
 * What is put before Pi's own methods is passed through whenever no run is elsewhere.
 */
import type { ExtensionAPI, ExtensionContext, InputEvent } from "@earendil-works/pi-coding-agent";
import type { PromptContent, PromptView } from "../protocol/prompt.ts";
import type { OwnPrompt, PromptDesk } from "../sync/prompt-desk.ts";
import type { AcceptedPrompts } from "./accepted-prompts.ts";
import type { PiInternals } from "./pi-internals.ts";

export type RemoteRunOptions = {
	pi: ExtensionAPI;
	ctx: ExtensionContext;
	internals: PiInternals;
	desk: PromptDesk;
	accepted: AcceptedPrompts;
	/** Another terminal drives. */
	isRemote: () => boolean;
	/** A run of this terminal's own is on. */
	isRunning: () => boolean;
	readOnly: () => boolean;
	/** Settles when what the others said is here, or soon after. */
	level: () => Promise<void>;
	/** Gets the turn lock for something other than a prompt. False: another terminal has it. */
	acquire: () => Promise<boolean>;
	tell: (text: string, level: "info" | "warning") => void;
};

/** A prompt that starts a run is Pi's to hold until its input handlers were asked. */
const ASKED_MS = 100;

export class RemoteRun {
	readonly #options: RemoteRunOptions;
	#queue: { steering: string[]; followUp: string[] } = { steering: [], followUp: [] };
	#delivering = 0;
	/** What other extensions say here while the run is elsewhere. */
	#waiting: (() => void)[] = [];
	/** While Pi draws the transcript anew it must not think that a run is on. */
	drawing = false;

	constructor(options: RemoteRunOptions) {
		this.#options = options;
		this.#shadow();
	}

	/** A prompt that is being handed to Pi comes back as input: it is no new one. */
	get isDelivering(): boolean {
		return this.#delivering > 0;
	}

	/** What is queued at the holder, as its Pi says. */
	queueIs(steering: string[], followUp: string[]): void {
		this.#queue = { steering, followUp };
	}

	/** The run that is elsewhere may be over. */
	look(): void {
		if (this.#waiting.length === 0 || this.#options.isRemote()) return;
		for (const go of this.#waiting.splice(0)) go();
	}

	forward(event: InputEvent): { action: "handled" } {
		const kind = event.streamingBehavior === "followUp" ? "followUp" : "steer";
		const images = event.images?.length ? { images: event.images as PromptContent["images"] } : {};
		this.#options.desk.send(kind, { text: event.text, ...images });
		return { action: "handled" };
	}

	/** An accepted prompt is run, or what runs is ended. */
	run(prompt: PromptView, content: PromptContent): void {
		const { ctx, internals, pi, desk, accepted } = this.#options;
		if (prompt.kind === "abort") {
			ctx.abort();
			desk.advance(prompt.promptId, "done");
			return;
		}
		const isQueued = this.#options.isRunning();
		const parts = [{ type: "text" as const, text: content.text }, ...(content.images ?? [])];
		const deliverAs = prompt.kind === "followUp" ? ("followUp" as const) : ("steer" as const);
		const options = { expandPromptTemplates: true, ...(isQueued ? { deliverAs } : {}) };
		const { session } = internals;
		const before = this.queued();
		this.#delivering += 1;
		accepted.add(prompt.promptId, content.text);
		setTimeout(() => {
			this.#delivering -= 1;
		}, ASKED_MS);
		if (!session?.sendUserMessage) return pi.sendUserMessage(parts, options);
		session.sendUserMessage(parts, options).then(
			() => {
				// When it starts a run this is the run's end, and nothing of it is queued.
				if (!isQueued) return;
				const text = this.queued().find((one) => !before.includes(one));
				if (text) accepted.queuedAs(prompt.promptId, text);
			},
			(error: unknown) =>
				accepted.failed(prompt.promptId, error instanceof Error ? error.message : String(error)),
		);
	}

	/** Prompts from here have changed; those that were not run come back. */
	ownChanged(back: readonly OwnPrompt[], reason: string | null): void {
		if (back.length > 0) this.giveText(back.map(({ content }) => content.text));
		if (back.length > 0 && reason) this.#options.tell(`a prompt was not run: ${reason}`, "warning");
		this.showQueue();
	}

	/** A run is over and something waits in its queue, as after an abort: everybody gets his own back. */
	returnQueue(): void {
		const { steering = [], followUp = [] } = this.#options.internals.session?.clearQueue?.() ?? {};
		if (steering.length + followUp.length > 0) this.giveText([...steering, ...followUp]);
	}

	showQueue(): void {
		this.#options.internals.inject({ type: "queue_update", steering: [], followUp: [] });
	}

	/** Into the editor, before what stands there, as Pi does with what was queued. */
	giveText(texts: readonly string[]): void {
		const { ctx } = this.#options;
		if (!ctx.hasUI) return;
		const there = ctx.ui.getEditorText();
		ctx.ui.setEditorText([...texts, there].filter((text) => text.trim() !== "").join("\n\n"));
	}

	/** Texts that wait in Pi's queue. */
	queued(): string[] {
		const { session } = this.#options.internals;
		return [...(session?.getSteeringMessages?.() ?? []), ...(session?.getFollowUpMessages?.() ?? [])];
	}

	#shadow(): void {
		const { internals, desk, accepted } = this.#options;
		const remote = () => this.#options.isRemote() && !this.drawing;
		const orderStop = () => {
			if (!this.#options.readOnly()) desk.send("abort", { text: "" });
		};
		internals.shadowGetter("isStreaming", (original) => remote() || original());
		// Pi's key takes the queue back first. Without that it is the end of this Pi, which ends nobody else's run.
		let isKey = false;
		internals.shadow("abort", (original) => async () => {
			if (!remote()) return await original();
			if (isKey) orderStop();
		});
		// A command works on the session as it is when its turn comes.
		internals.shadow("prompt", (original) => async (text, options) => {
			if (text.startsWith("/")) await this.#options.level();
			await original(text, options);
		});
		// Pi would queue it for a run of its own, and would only say it in the next one.
		internals.shadow("sendCustomMessage", (original) => async (message, options) => {
			if (remote() && options?.deliverAs !== "nextTurn") {
				await new Promise<void>((resolve) => void this.#waiting.push(resolve));
				await this.#options.level();
			}
			await original(message, options);
		});
		// Pi would end the run first, which is not here.
		internals.shadow("compact", (original) => async (instructions) => {
			const isFree =
				this.#options.isRunning() || (!this.#options.readOnly() && (await this.#options.acquire()));
			if (isFree) return await original(instructions);
			const why =
				"this terminal does not drive the session now: compact it where it runs, or when the run is over.";
			this.#options.tell(why, "warning");
			throw new Error(why);
		});
		for (const name of ["abortRetry", "abortCompaction"] as const) {
			internals.shadow(name, (original) => () => {
				if (remote()) orderStop();
				else original();
			});
		}
		internals.shadow("getSteeringMessages", (original) => () => [
			...original(),
			...this.#queue.steering,
			...this.#ownQueued("steer", this.#queue.steering),
		]);
		internals.shadow("getFollowUpMessages", (original) => () => [
			...original(),
			...this.#queue.followUp,
			...this.#ownQueued("followUp", this.#queue.followUp),
		]);
		internals.shadow("clearQueue", (original) => () => {
			const { steering, followUp } = original();
			isKey = true;
			queueMicrotask(() => {
				isKey = false;
			});
			const back = desk.withdraw((kept) => this.#takeText(kept.content.text));
			const of = (kind: string) => back.filter((one) => one.kind === kind).map(({ content }) => content.text);
			return {
				steering: [...accepted.returnFrom(steering), ...of("steer")],
				followUp: [...accepted.returnFrom(followUp), ...of("followUp")],
			};
		});
	}

	/** What was sent from here and is not shown by the holder yet. */
	#ownQueued(kind: "steer" | "followUp", shown: readonly string[]): string[] {
		const others = [...shown];
		const unseen = this.#options.desk.own.filter(({ kind: own, state, content }) => {
			if (own !== kind || state === "started") return false;
			const at = others.indexOf(content.text);
			if (at !== -1) others.splice(at, 1);
			return at === -1;
		});
		// Skills and templates are queued there as what they say: an accepted one is among the others.
		let known = others.length;
		return unseen
			.filter(({ state }) => {
				const isThere = state === "accepted" && known > 0;
				if (isThere) known -= 1;
				return !isThere;
			})
			.map(({ content }) => content.text);
	}

	/** It was accepted after all: it must not stand in the editor as well. */
	#takeText(text: string): void {
		const { ctx, tell } = this.#options;
		const there = ctx.hasUI ? ctx.ui.getEditorText() : "";
		if (there.startsWith(text)) ctx.ui.setEditorText(there.slice(text.length).trimStart());
		tell("a prompt had been accepted before it could be taken back.", "info");
	}
}
