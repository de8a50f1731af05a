/**
 * A terminal of which everything of ours is real, on a model of Pi: a real session manager in memory, a
 * session that runs prompts step by step as the test says, and the modelled screen. What is modelled is what
 * sharing a session leans on: `input` is asked before a prompt, a second prompt while a run is on needs a way
 * of queueing, steering goes in between two answers, entries are stored after `message_end`.
 */
import {
	AgentSession,
	type ExtensionAPI,
	type ExtensionContext,
	SessionManager,
} from "@earendil-works/pi-coding-agent";
import { LateSync } from "../../src/extension/late-sync.ts";
import { PiInternals, watchBinding } from "../../src/extension/pi-internals.ts";
import { RunTeller } from "../../src/extension/run-teller.ts";
import { SharedSession } from "../../src/extension/shared-session.ts";
import type { PiEvent } from "../../src/session/pi-events.ts";
import type { SessionSync } from "../../src/sync/contract.ts";
import type { SourceEntry } from "../../src/sync/ports.ts";
import { createSessionSync } from "../../src/sync/session-sync.ts";
import { FakeLiveBackend, type FakeLiveStore } from "./fake-live-backend.ts";
import { Screen } from "./follow-screen.ts";
import { DESCRIPTION } from "./sync-harness.ts";

type Options = { source?: string; streamingBehavior?: "steer" | "followUp" };

let time = 0;

/** Pi's AgentSession as far as it is used. */
class ModelSession {
	readonly sessionManager: SessionManager;
	readonly _eventListeners: ((event: PiEvent) => unknown)[] = [];
	readonly agent = { state: {} };
	input: (text: string, options: Options) => Promise<{ action: "handled" } | undefined> = async () =>
		undefined;
	#steps: (() => void)[] = [];
	#active = false;
	#steering: string[] = [];
	#steered: { customType: string; content: string; display: boolean }[] = [];
	#answers = 0;
	/** The prompt of a run that has only just begun. */
	#opening: string | null = null;
	/** Ends the answer that is being given. */
	#answered: (stopReason: string) => void = () => {};
	/** What the model was given for each answer. */
	readonly contexts: string[][] = [];
	#name: string;

	constructor(manager: SessionManager, name: string) {
		this.sessionManager = manager;
		this.#name = name;
	}

	get isStreaming(): boolean {
		return this.#active;
	}

	get isRunning(): boolean {
		return this.#active;
	}

	subscribe(listener: (event: PiEvent) => unknown): () => void {
		this._eventListeners.push(listener);
		return () => void this._eventListeners.splice(this._eventListeners.indexOf(listener), 1);
	}

	async prompt(text: string, options: Options = {}): Promise<void> {
		const asked = await this.input(text, {
			...options,
			streamingBehavior: this.isStreaming ? options.streamingBehavior : undefined,
		});
		if (asked?.action === "handled") return;
		if (this.isStreaming) {
			if (!options.streamingBehavior) throw new Error("Agent is already processing.");
			this.#steering.push(text);
			return this.#emit({ type: "queue_update", steering: [...this.#steering], followUp: [] });
		}
		// Sign-in, images and what else Pi looks after before a run begins.
		for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
		if (this.#active) throw new Error("Agent is already processing a prompt.");
		this.#begin(text);
	}

	async sendUserMessage(
		parts: { type: string; text?: string }[],
		options: { deliverAs?: "steer" | "followUp" },
	): Promise<void> {
		const text = parts.map((part) => part.text ?? "").join("");
		await this.prompt(text, {
			source: "extension",
			...(options.deliverAs ? { streamingBehavior: options.deliverAs } : {}),
		});
	}

	/** An extension says something: at once, or into the run that is on as steering. */
	async sendCustomMessage(message: { customType: string; content: string; display: boolean }): Promise<void> {
		if (this.isStreaming) return void this.#steered.push(message);
		this.#saidAside(message);
	}

	/** One step of the run that is on; false when there is none. */
	step(): boolean {
		const next = this.#steps.shift();
		next?.();
		return next !== undefined;
	}

	/** What waits here, whatever is said elsewhere. */
	get queued(): readonly string[] {
		return this.#steering;
	}

	getSteeringMessages(): readonly string[] {
		return this.#steering;
	}

	getFollowUpMessages(): readonly string[] {
		return [];
	}

	clearQueue(): { steering: string[]; followUp: string[] } {
		return { steering: this.#steering.splice(0), followUp: [] };
	}

	/** What is being said ends here, and the run with it; what is queued stays queued. */
	async abort(): Promise<void> {
		if (!this.#active) return;
		const first = this.#opening;
		this.#steps = [
			() => {
				if (first) this.#turn([first]);
				this.#answered("aborted");
				this.#settle();
			},
		];
	}

	refreshContext(): void {}

	emitAppended(entry: unknown): void {
		this.#emit({ type: "entry_appended", entry });
	}

	#emit(event: PiEvent): void {
		for (const listener of [...this._eventListeners]) listener(structuredClone(event));
	}

	#begin(text: string): void {
		this.#active = true;
		this.#emit({ type: "agent_start" });
		this.#opening = text;
		this.#steps = [() => this.#turn([text])];
	}

	#saidAside({
		customType,
		content,
		display,
	}: {
		customType: string;
		content: string;
		display: boolean;
	}): void {
		this.sessionManager.appendCustomMessageEntry(customType, content, display);
		const message = { role: "custom", customType, content, display, timestamp: this.#now() };
		this.#emit({ type: "message_start", message });
		this.#emit({ type: "message_end", message });
	}

	#turn(prompts: string[]): void {
		this.#opening = null;
		this.#emit({ type: "turn_start" });
		for (const message of this.#steered.splice(0)) this.#saidAside(message);
		for (const text of prompts)
			this.#said({ role: "user", content: [{ type: "text", text }], timestamp: this.#now() });
		const context = this.sessionManager.buildSessionContext().messages as { content: unknown }[];
		this.contexts.push(context.map(({ content }) => JSON.stringify(content)));
		this.#answers += 1;
		const words = [`${this.#name}'s `, "answer ", String(this.#answers)];
		const base = { role: "assistant", provider: "p", model: "m", timestamp: this.#now(), stopReason: "stop" };
		let said = "";
		this.#emit({ type: "message_start", message: { ...base, content: [] } });
		this.#answered = (stopReason) => {
			const content = [{ type: "text", text: said }];
			const message = { ...base, stopReason, content, usage: { input: 1, output: 1 } };
			this.#emit({ type: "message_end", message });
			this.sessionManager.appendMessage(message as never);
			this.#answered = () => {};
		};
		this.#steps = words.map((delta) => () => {
			said += delta;
			const partial = { ...base, content: [{ type: "text", text: said }] };
			const assistantMessageEvent = { type: "text_delta", contentIndex: 0, delta, partial };
			this.#emit({ type: "message_update", message: partial, assistantMessageEvent });
		});
		this.#steps.push(() => {
			this.#answered("stop");
			this.#steps = [() => this.#next()];
		});
	}

	#next(): void {
		const queued = this.#steering.splice(0);
		if (queued.length > 0) {
			this.#emit({ type: "queue_update", steering: [], followUp: [] });
			return this.#turn(queued);
		}
		this.#settle();
	}

	#settle(): void {
		this.#steps = [];
		this.#emit({ type: "agent_end", messages: [], willRetry: false });
		this.#active = false;
		this.#emit({ type: "agent_settled" });
	}

	/** No two messages are of the same time, as at somebody who types them. */
	#now(): number {
		time += 1;
		return time;
	}

	#said(message: Record<string, unknown>): void {
		this.#emit({ type: "message_start", message });
		this.#emit({ type: "message_end", message });
		this.sessionManager.appendMessage(message as never);
	}
}

export class ModelTerminal {
	readonly name: string;
	readonly backend: FakeLiveBackend;
	readonly manager: SessionManager;
	readonly session: ModelSession;
	readonly screen: Screen;
	readonly sync: SessionSync;
	readonly shared: SharedSession;
	/** What Pi and we told the person. */
	readonly told: string[] = [];
	readonly log: string[] = [];
	editor = "";
	readonly #late = new LateSync();
	readonly #teller: RunTeller;

	/** @param entries the session as this terminal's file has it. @param isReplica its file is ours to write anew. */
	constructor(
		name: string,
		store: FakeLiveStore,
		sessionId: string,
		entries: readonly SourceEntry[],
		isReplica: boolean,
	) {
		this.name = name;
		this.backend = new FakeLiveBackend(store);
		this.manager = SessionManager.inMemory("/p");
		const header = this.manager.getHeader();
		if (header) header.id = sessionId;
		const internal = this.manager as unknown as { _appendEntry(entry: SourceEntry): void; sessionId: string };
		internal.sessionId = sessionId;
		for (const entry of entries) internal._appendEntry(entry);
		this.session = new ModelSession(this.manager, name);
		this.screen = new Screen(() => this.manager.getBranch() as readonly SourceEntry[]);
		this.screen.draw();
		this.session.subscribe((event) => this.screen.event(event));
		const ctx = this.#context();
		const internals = this.#bind(ctx);
		this.#teller = new RunTeller(this.#late, (running) => this.shared.runChanged(running));
		this.shared = new SharedSession({
			pi: {} as ExtensionAPI,
			...{ ctx, internals, backend: this.backend, clock: store.clock, sessionId, isReplica },
			...{ terminalId: `terminal-${name}`, label: name, readOnly: false },
			ownsFile: true,
			log: (line) => this.log.push(line),
			onChange: () => {},
		});
		internals.subscribe((event) => {
			const message = event.message as { role?: string; content?: { text: string }[] } | undefined;
			if (event.type === "message_start" && message?.role === "user")
				this.shared.promptStarted(message.content?.[0]?.text ?? "");
			this.#teller.handle(event);
		});
		this.session.input = (text, { source = "interactive", streamingBehavior }) =>
			this.shared.input(
				{ type: "input", text, source, streamingBehavior } as never,
				store.clock.now() + 1_500,
			);
		const { shared, manager } = this;
		this.sync = createSessionSync({
			backend: this.backend,
			clock: store.clock,
			source: {
				sessionId,
				header: () => manager.getHeader() as never,
				entries: () => manager.getEntries() as readonly SourceEntry[],
				leafId: () => manager.getLeafId(),
			},
			describe: () => DESCRIPTION,
			terminalId: `terminal-${name}`,
			presence: { label: name, watching: shared.watching },
			streaming: { mode: "watched", intervalMs: 0 },
			...{ epoch: shared.epoch, drives: shared.drives, onStale: shared.onStale, pushes: shared.pushes },
		});
		this.#late.attach(this.sync);
		shared.attach(this.sync);
	}

	/** A person types a prompt and presses Enter. */
	type(text: string): void {
		const streamingBehavior = this.session.isStreaming ? ("steer" as const) : undefined;
		this.session.prompt(text, streamingBehavior ? { streamingBehavior } : {}).catch((error: unknown) => {
			this.told.push(String(error));
			this.editor = [this.editor, text].filter(Boolean).join("\n\n");
		});
	}

	/** A person names the session. */
	nameSession(text: string): void {
		this.manager.appendSessionInfo(text);
		this.#late.wake();
	}

	/** An extension of this terminal keeps something and says something. */
	remark(text: string): void {
		const id = this.manager.appendCustomEntry("remark", { text });
		this.session.emitAppended(this.manager.getEntry(id) as never);
		void this.session.sendCustomMessage({ customType: "remark", content: text, display: true });
		this.#late.wake();
	}

	/** A person goes back in the tree, as Pi lets them while nothing runs, and Pi draws it. */
	move(back: number): void {
		if (this.session.isStreaming) return;
		const branch = this.manager.getBranch() as readonly (SourceEntry & { message?: { role: string } })[];
		const answers = branch.filter(({ message }) => message?.role === "assistant");
		const target = answers.at(-1 - back);
		if (!target) return;
		this.manager.branch(target.id);
		this.screen.draw();
		this.#late.wake();
	}

	/** A person presses Escape while something runs: Pi takes back what is queued, and stops. */
	escape(): void {
		if (!this.session.isStreaming) return;
		const { steering, followUp } = this.session.clearQueue();
		this.editor = [...steering, ...followUp, this.editor].filter(Boolean).join("\n\n");
		void this.session.abort();
	}

	/** One step of the run that is on here; what Pi stored is seen. */
	step(): boolean {
		const stepped = this.session.step();
		this.#late.wake();
		return stepped;
	}

	/** The process dies: it says nothing to anybody, and the backend ends what it had when its time is over. */
	async kill(): Promise<void> {
		this.backend.connect({ kind: "offline", reason: "The process is gone." });
		await this.shared.stop();
		await this.sync.dispose();
	}

	entries(): readonly SourceEntry[] {
		return this.manager.getEntries() as readonly SourceEntry[];
	}

	#context(): ExtensionContext {
		const ui = {
			getEditorText: () => this.editor,
			setEditorText: (text: string) => {
				this.editor = text;
			},
			notify: (text: string) => this.told.push(text),
			setStatus: () => {},
			setWidget: () => {},
		};
		return {
			...{ mode: "tui", hasUI: true, ui, sessionManager: this.manager, cwd: "/p" },
			isIdle: () => !this.session.isRunning,
			abort: () => void this.session.abort(),
			modelRegistry: { find: () => ({}) },
		} as unknown as ExtensionContext;
	}

	/** As Pi binds its extensions: that is where we learn of the session. */
	#bind(ctx: ExtensionContext): PiInternals {
		watchBinding();
		const commandContextActions = {
			navigateTree: async () => this.screen.draw(),
		};
		const { bindExtensions } = AgentSession.prototype as unknown as {
			bindExtensions(this: unknown, bindings: unknown): Promise<void>;
		};
		// Ours notes the session; Pi's own then finds a model and gives up.
		void bindExtensions.call(this.session, { uiContext: {}, commandContextActions }).catch(() => {});
		return new PiInternals(ctx);
	}
}
