/**
 * Dialogs of Pi's extensions at every terminal of the session: the first answer counts, the others close (C3).
 *
 * The dialog of this terminal is Pi's own and stays answerable here whatever the backend does. What was asked
 * elsewhere is shown with Pi's own dialogs too.
 */
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { plainText } from "../lib/plain-text.ts";
import type { Ask, QuestionKind, QuestionView } from "../protocol/question.ts";
import { BackendError, type LiveBackend } from "../sync/ports.ts";
import type { PiInternals } from "./pi-internals.ts";

export type SharedDialogsOptions = {
	backend: Pick<LiveBackend, "ask" | "answer" | "closeQuestion" | "onQuestions">;
	ctx: ExtensionContext;
	internals: PiInternals;
	clock: Pick<Clock, "after">;
	sessionId: string;
	terminalId: string;
	newId: () => string;
	/** Somebody else is there who could answer. */
	isShared: () => boolean;
	readOnly: () => boolean;
	tell: (text: string, level: "warning") => void;
	log: (line: string) => void;
};

type Value = string | null;
type Opts = { signal?: AbortSignal } | undefined;
type Shown = Omit<Ask, "sessionId" | "questionId" | "terminalId">;
/** A dialog that is open here. */
type Offered = {
	readonly shown: Shown;
	/** An answer from elsewhere. */
	readonly resolve: (value: Value) => void;
	/** The others are still to be asked. */
	wanted: boolean;
	/** The last time that they were asked; null: never. */
	asked: Promise<unknown> | null;
};

export class SharedDialogs {
	readonly #options: SharedDialogsOptions;
	readonly #restore: (() => void)[] = [];
	/** Waiting for an answer from anywhere. */
	readonly #offered = new Map<string, Offered>();
	/** Asked by another terminal; null: the dialog here is closed. */
	readonly #shown = new Map<string, AbortController | null>();
	#private = 0;
	#end: () => void;

	constructor(options: SharedDialogsOptions) {
		this.#options = options;
		this.#end = options.backend.onQuestions(options.sessionId, (questions) => this.#observe(questions));
		this.#wrap<[string, string[], Opts]>("select", (original) => (title, choices, opts) => {
			const shown: Shown = { kind: "select", title, options: choices };
			return this.#offer(
				shown,
				opts,
				(signal) => original(title, choices, { ...opts, signal }) as Promise<string | undefined>,
				fromText,
			);
		});
		this.#wrap<[string, string, Opts]>("confirm", (original) => (title, message, opts) => {
			const shown: Shown = { kind: "confirm", title, message };
			return this.#offer(
				shown,
				opts,
				(signal) => original(title, message, { ...opts, signal }) as Promise<boolean>,
				(value) => value === "yes",
			);
		});
		this.#wrap<[string, string | undefined, Opts]>("input", (original) => (title, placeholder, opts) => {
			const shown: Shown = { kind: "input", title, ...(placeholder === undefined ? {} : { placeholder }) };
			return this.#offer(
				shown,
				opts,
				(signal) => original(title, placeholder, { ...opts, signal }) as Promise<string | undefined>,
				fromText,
			);
		});
		this.#wrap<[string, string | undefined]>("editor", (original) => (title, prefill) => {
			const shown: Shown = { kind: "editor", title, ...(prefill === undefined ? {} : { prefill }) };
			const show = (signal: AbortSignal) => {
				signal.addEventListener("abort", () => this.#options.internals.pressEscape());
				return original(title, prefill) as Promise<string | undefined>;
			};
			return this.#offer(shown, undefined, show, fromText);
		});
	}

	/** Somebody may have come, or may be reached again: what is open here is asked there too. */
	look(): void {
		for (const [questionId, one] of this.#offered) this.#ask(questionId, one);
	}

	/** What is shown in here is for this terminal alone. */
	privately<T>(show: () => T): T {
		this.#private += 1;
		try {
			return show();
		} finally {
			this.#private -= 1;
		}
	}

	stop(): void {
		this.#end();
		for (const restore of this.#restore) restore();
		for (const controller of this.#shown.values()) controller?.abort();
		this.#shown.clear();
	}

	/** Pi's dialogs differ in their arguments, which pass through. */
	#wrap<Args extends unknown[]>(
		kind: QuestionKind,
		make: (original: (...args: Args) => Promise<unknown>) => (...args: Args) => Promise<unknown>,
	): void {
		const ui = this.#options.internals.ui as Record<string, unknown> | null;
		const original = ui?.[kind];
		if (!ui || typeof original !== "function") return;
		const wrapped = make((...args) => original.apply(ui, args) as Promise<unknown>);
		const chosen = (...args: Args) => {
			// Also while nobody else is there: who comes before it is answered may answer it.
			const isOurs = this.#private === 0 && this.#options.ctx.mode === "tui";
			return isOurs ? wrapped(...args) : (original.apply(ui, args) as Promise<unknown>);
		};
		ui[kind] = chosen;
		this.#restore.push(() => {
			if (ui[kind] === chosen) ui[kind] = original;
		});
	}

	async #offer<T>(
		shown: Shown,
		opts: Opts,
		show: (signal: AbortSignal) => Promise<T>,
		decode: (value: Value) => T,
	): Promise<T> {
		const questionId = this.#options.newId();
		const controller = new AbortController();
		const give = () => controller.abort();
		opts?.signal?.addEventListener("abort", give, { once: true });
		if (opts?.signal?.aborted) give();
		const elsewhere = new Promise<Value>((resolve) => {
			const offered: Offered = { shown, resolve, wanted: true, asked: null };
			this.#offered.set(questionId, offered);
			this.#ask(questionId, offered);
		});
		const here = show(controller.signal).then((answer) => ({ answer }));
		try {
			const first = await Promise.race([here, elsewhere.then((value) => ({ value }))]);
			if ("answer" in first) return first.answer;
			controller.abort();
			return decode(first.value);
		} finally {
			const asked = this.#offered.get(questionId)?.asked;
			this.#offered.delete(questionId);
			opts?.signal?.removeEventListener("abort", give);
			// Whatever the dialog here still says, nobody waits for it.
			here.catch(() => {});
			void asked?.then(() => this.#options.backend.closeQuestion(questionId)).catch(() => {});
		}
	}

	#ask(questionId: string, offered: Offered): void {
		const { backend, sessionId, terminalId, isShared, log } = this.#options;
		if (!offered.wanted || !isShared()) return;
		offered.wanted = false;
		offered.asked = backend
			.ask({ ...offered.shown, sessionId, questionId, terminalId })
			.catch((error: unknown) => {
				log(`a dialog is answered here alone: ${String(error)}`);
				offered.wanted = error instanceof BackendError && error.kind === "unreachable";
			});
	}

	#observe(questions: readonly QuestionView[]): void {
		for (const question of questions) {
			if (question.terminalId === this.#options.terminalId) {
				if (question.answer) this.#offered.get(question.questionId)?.resolve(question.answer.value);
			} else if (!question.answer && !this.#shown.has(question.questionId)) void this.#show(question);
		}
		for (const [questionId, controller] of this.#shown) {
			const open = questions.find((one) => one.questionId === questionId);
			if (open && !open.answer) continue;
			this.#shown.delete(questionId);
			controller?.abort();
		}
	}

	async #show(question: QuestionView): Promise<void> {
		const { ctx, readOnly, log, tell } = this.#options;
		if (readOnly() || ctx.mode !== "tui") return;
		const { questionId } = question;
		const controller = new AbortController();
		this.#shown.set(questionId, controller);
		try {
			const value = await this.privately(() => this.#dialog(question, controller.signal));
			if (controller.signal.aborted) return;
			// To close it now would close what has the keyboard since.
			this.#shown.set(questionId, null);
			await this.#answer(questionId, value);
		} catch (error) {
			log(`an answer was not taken: ${String(error)}`);
			tell(`your answer was not taken: ${error instanceof Error ? error.message : String(error)}`, "warning");
		}
	}

	/** Sends an answer until it is there, or is wanted no longer. */
	async #answer(questionId: string, value: Value): Promise<void> {
		const { backend, terminalId, clock, tell } = this.#options;
		for (let failures = 0; this.#shown.has(questionId); failures += 1) {
			try {
				await backend.answer({ questionId, terminalId, value });
				return;
			} catch (error) {
				if (!(error instanceof BackendError) || error.kind !== "unreachable") throw error;
				if (failures === 0)
					tell("the backend cannot be reached: your answer is sent when it is back.", "warning");
				await new Promise<void>((resolve) => void clock.after(backoffMs(failures), resolve));
			}
		}
	}

	#dialog(question: QuestionView, signal: AbortSignal): Promise<Value> {
		const { ui } = this.#options.ctx;
		const { kind } = question;
		const title = plainText(question.title);
		switch (kind) {
			case "select":
				return ui
					.select(title, (question.options ?? []).map(plainText), { signal })
					.then((chosen) => originalOf(question, chosen));
			case "confirm":
				return ui
					.confirm(title, plainText(question.message ?? ""), { signal })
					.then((yes) => (yes ? "yes" : "no"));
			case "input":
				return ui.input(title, question.placeholder, { signal }).then(toText);
			case "editor":
				signal.addEventListener("abort", () => this.#options.internals.pressEscape());
				return ui.editor(title, question.prefill).then(toText);
		}
	}
}

/** The option as it was asked, of which the plainText form was chosen. */
const originalOf = (question: QuestionView, chosen: string | undefined): Value =>
	question.options?.find((option) => plainText(option) === chosen) ?? null;
const toText = (answer: string | undefined): Value => answer ?? null;
const fromText = (value: Value): string | undefined => value ?? undefined;
