/**
 * All use of what Pi does not promise to extensions, in one place, each found out at run time.
 *
 * What is used, on Pi 0.87.1 to 1.5.2 (a test table says what is found on which):
 *   session    the AgentSession of this Pi: `AgentSession.prototype.bindExtensions` is wrapped once for the
 *              process (`Symbol.for`), passes every call through, and notes who was bound and with what
 *   listeners  `session._eventListeners`: an event is handed to each by itself, so that none that throws or
 *              rejects can reach Pi
 *   append     `sessionManager._appendEntry`: stores an entry as it is, with its id and parent
 *   shadow     own properties of the one AgentSession instance before its class's: `isStreaming`, `abort`,
 *              `clearQueue` and the like, so that Pi's own key handling serves a run that is elsewhere;
 *              taken away again by `restore`
 *   dialogs    own properties of the UI object that was bound, for dialogs that anybody may answer
 *
 * Without `session` or `listeners` a run elsewhere is drawn when its entries come (`canInject` false); without
 * `append` nothing can be followed at all (`canAppend` false). Nothing here ever changes a file of Pi.
 */
import { AgentSession, type ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { PiEvent } from "../session/pi-events.ts";
import type { SourceEntry } from "../sync/ports.ts";

type Listener = (event: PiEvent) => unknown;
type Json = Record<string, unknown>;

/** The parts of an AgentSession that are used, each perhaps not there. */
export type PiSession = {
	sessionManager?: unknown;
	isStreaming?: boolean;
	subscribe?(listener: Listener): () => void;
	_eventListeners?: Listener[];
	refreshContext?(): void;
	_refreshFinalizedContext?(): void;
	clearQueue?(): { steering: string[]; followUp: string[] };
	getSteeringMessages?(): readonly string[];
	getFollowUpMessages?(): readonly string[];
	sendUserMessage?(content: unknown, options?: Json): Promise<void>;
	sendCustomMessage?(message: unknown, options?: Json): Promise<void>;
	abort?(): Promise<void>;
	prompt?(text: string, options?: Json): Promise<void>;
	compact?(instructions?: string): Promise<unknown>;
	abortRetry?(): void;
	abortCompaction?(): void;
	agent?: { state?: { model?: unknown; thinkingLevel?: unknown } };
};

/** What a session was bound with. */
type Bound = { session: WeakRef<PiSession>; ui: DialogUi | null; actions: CommandActions | null };
type CommandActions = { navigateTree?(id: string, options?: Json): Promise<unknown> };
export type DialogUi = Partial<
	Record<"select" | "confirm" | "input" | "editor", (...args: never[]) => Promise<unknown>>
>;

/** The methods of SessionManager that its read-only type hides, and the one that is private. */
type Manager = {
	_appendEntry?(entry: unknown): void;
	branch?(id: string): void;
	resetLeaf?(): void;
	setSessionFile?(path: string): void;
	sessionDir?: string;
	labelsById?: Map<string, string>;
	labelTimestampsById?: Map<string, string>;
};

const KEY = Symbol.for("pi-opensync.bound");
const OURS = Symbol.for("pi-opensync.listener");

/** Notes from now on which sessions are bound. Once for the process, however often the extension is loaded. */
export function watchBinding(): void {
	const holder = globalThis as { [KEY]?: Bound[] };
	if (holder[KEY]) return;
	const prototype = (AgentSession as unknown as { prototype?: Json } | undefined)?.prototype;
	const original = prototype?.bindExtensions;
	if (!prototype || typeof original !== "function") return;
	const bound: Bound[] = [];
	holder[KEY] = bound;
	prototype.bindExtensions = function (this: PiSession, ...args: unknown[]) {
		try {
			note(bound, this, (args[0] ?? {}) as Json);
		} catch {
			// Noting is ours alone; Pi's call goes on.
		}
		return original.apply(this, args);
	};
}

function note(bound: Bound[], session: PiSession, bindings: Json): void {
	const alive = bound.filter((one) => one.session.deref() && one.session.deref() !== session);
	const before = bound.find((one) => one.session.deref() === session);
	bound.splice(0, bound.length, ...alive, {
		session: new WeakRef(session),
		ui: (bindings.uiContext as DialogUi | undefined) ?? before?.ui ?? null,
		actions: (bindings.commandContextActions as CommandActions | undefined) ?? before?.actions ?? null,
	});
}

export class PiInternals {
	readonly #manager: Manager;
	readonly #bound: Bound | null;
	readonly #session: PiSession | null;
	readonly #shadowed = new Set<string>();
	#dropped = 0;

	/** @param ctx of the session's start. */
	constructor(ctx: ExtensionContext) {
		this.#manager = ctx.sessionManager as unknown as Manager;
		const all = (globalThis as { [KEY]?: Bound[] })[KEY] ?? [];
		this.#bound = all.find((one) => one.session.deref()?.sessionManager === ctx.sessionManager) ?? null;
		this.#session = this.#bound?.session.deref() ?? null;
	}

	get session(): PiSession | null {
		return this.#session;
	}

	get canInject(): boolean {
		return Array.isArray(this.#session?._eventListeners);
	}

	get canAppend(): boolean {
		return typeof this.#manager._appendEntry === "function" && typeof this.#manager.branch === "function";
	}

	get canMoveFile(): boolean {
		return typeof this.#manager.setSessionFile === "function";
	}

	/** Events that a listener did not take. */
	get dropped(): number {
		return this.#dropped;
	}

	/** What is used of Pi's inside, for `doctor` and tests. */
	get path(): "events" | "entries" | "none" {
		if (!this.canAppend) return "none";
		return this.canInject ? "events" : "entries";
	}

	/** Hears what Pi's own screen hears. Null where that is not to be had. */
	subscribe(listener: Listener): (() => void) | null {
		if (typeof this.#session?.subscribe !== "function") return null;
		(listener as { [OURS]?: boolean })[OURS] = true;
		return this.#session.subscribe(listener);
	}

	/** Hands an event to Pi's screen. @param ageMs how long ago it happened, for what Pi times itself. */
	inject(event: PiEvent, ageMs = 0): void {
		for (const listener of [...(this.#session?._eventListeners ?? [])]) {
			if ((listener as { [OURS]?: boolean })[OURS]) continue;
			try {
				const done = earlier(ageMs, () => listener(event));
				if (done instanceof Promise) done.catch(() => this.#count());
			} catch {
				this.#count();
			}
		}
	}

	/** True once Pi's screen listens. */
	get isHeard(): boolean {
		return (this.#session?._eventListeners ?? []).some((one) => !(one as { [OURS]?: boolean })[OURS]);
	}

	append(entry: SourceEntry): void {
		this.#manager._appendEntry?.(entry);
		if (entry.type !== "label") return;
		const { targetId, label, timestamp } = entry as SourceEntry & { targetId?: string; label?: string };
		const { labelsById, labelTimestampsById } = this.#manager;
		if (typeof targetId !== "string") return;
		if (label) {
			labelsById?.set(targetId, label);
			labelTimestampsById?.set(targetId, timestamp);
		} else {
			labelsById?.delete(targetId);
			labelTimestampsById?.delete(targetId);
		}
	}

	setLeaf(leafId: string | null): void {
		if (leafId === null) this.#manager.resetLeaf?.();
		else this.#manager.branch?.(leafId);
	}

	setSessionFile(path: string): void {
		this.#manager.setSessionFile?.(path);
	}

	/** Where Pi puts the sessions that come after this one. */
	setSessionDir(folder: string): void {
		if (typeof this.#manager.sessionDir === "string") this.#manager.sessionDir = folder;
	}

	refreshContext(): void {
		try {
			if (this.#session?.refreshContext) this.#session.refreshContext();
			else this.#session?._refreshFinalizedContext?.();
		} catch {
			this.#count();
		}
	}

	get canRedraw(): boolean {
		return this.#bound?.actions?.navigateTree !== undefined;
	}

	/** Draws the transcript anew, at the leaf. False: not to be had, or Pi would not. */
	async redraw(leafId: string): Promise<boolean> {
		const navigate = this.#bound?.actions?.navigateTree;
		if (!navigate) return false;
		try {
			await navigate(leafId);
			return true;
		} catch {
			this.#count();
			return false;
		}
	}

	/** Sets what the next run uses, without an entry of its own. */
	setChoice(choice: { model?: unknown; thinkingLevel?: unknown }): void {
		const state = this.#session?.agent?.state;
		if (!state) return;
		if (choice.model !== undefined) state.model = choice.model;
		if (choice.thinkingLevel !== undefined) state.thinkingLevel = choice.thinkingLevel;
	}

	/** Puts a property before the class's own; `original` is what the class has, bound. */
	shadow<K extends keyof PiSession>(
		name: K,
		make: (original: NonNullable<PiSession[K]>) => NonNullable<PiSession[K]>,
	): boolean {
		const session = this.#session;
		const original = session?.[name];
		if (!session || typeof original !== "function") return false;
		const bound = (original as (...args: unknown[]) => unknown).bind(session);
		const value = make(bound as unknown as NonNullable<PiSession[K]>);
		Object.defineProperty(session, name, { value, configurable: true, writable: true });
		this.#shadowed.add(name);
		return true;
	}

	/** As `shadow`, for a property that is read. */
	shadowGetter<K extends keyof PiSession>(
		name: K,
		read: (original: () => PiSession[K]) => PiSession[K],
	): boolean {
		const session = this.#session;
		const prototype = session && (Object.getPrototypeOf(session) as object);
		const getter = prototype && Object.getOwnPropertyDescriptor(prototype, name)?.get;
		if (!session || !getter) return false;
		Object.defineProperty(session, name, {
			get: () => read(() => getter.call(session) as PiSession[K]),
			configurable: true,
		});
		this.#shadowed.add(name);
		return true;
	}

	/** The UI whose dialogs may be answered elsewhere; null where it was not seen. */
	get ui(): DialogUi | null {
		return this.#bound?.ui ?? null;
	}

	/** The screen, for the two calls below. Null: not there. */
	tui: TuiLike | null = null;

	/** Takes away the line that Pi adds when it draws for somebody who moved in the tree: nobody has. */
	dropNavigationLine(): void {
		const parent = this.tui && holderOf(this.tui, NAVIGATED, 6);
		if (!parent) return;
		// The line and the blank one before it.
		parent.splice(-2, 2);
		this.tui?.requestRender?.();
	}

	/** Closes the dialog that has the keyboard, where Pi gives no other way to. */
	pressEscape(): void {
		const focused = this.tui?.focusedComponent ?? this.tui?.getFocusedComponent?.();
		try {
			focused?.handleInput?.("\x1b");
		} catch {
			this.#count();
		}
	}

	/** Everything is Pi's again. */
	restore(): void {
		for (const name of this.#shadowed) delete (this.#session as Json | null)?.[name];
		this.#shadowed.clear();
	}

	#count(): void {
		this.#dropped += 1;
	}
}

/** What is used of Pi's screen. */
export type TuiLike = {
	children?: unknown[];
	focusedComponent?: { handleInput?(data: string): void } | null;
	getFocusedComponent?(): { handleInput?(data: string): void } | null;
	requestRender?(): void;
};

const NAVIGATED = "Navigated to selected point";

/** The children of the component whose last child shows a text; null when none does. */
function holderOf(component: { children?: unknown[] }, text: string, depth: number): unknown[] | null {
	const children = Array.isArray(component.children) ? component.children : [];
	if (children.length >= 2 && shows(children.at(-1), text)) return children;
	if (depth === 0) return null;
	for (const child of children) {
		const found =
			typeof child === "object" && child !== null ? holderOf(child as TuiLike, text, depth - 1) : null;
		if (found) return found;
	}
	return null;
}

function shows(component: unknown, text: string): boolean {
	const { render, children } = (component ?? {}) as {
		render?(width: number): string[];
		children?: unknown[];
	};
	if (typeof render !== "function" || (Array.isArray(children) && children.length > 0)) return false;
	try {
		return render.call(component, 200).join("\n").includes(text);
	} catch {
		return false;
	}
}

/** Runs something as if it were `ageMs` ago: the rows of running tools take their start from the clock. */
function earlier<T>(ageMs: number, run: () => T): T {
	if (ageMs <= 0) return run();
	const now = Date.now;
	Date.now = () => now() - ageMs;
	try {
		return run();
	} finally {
		Date.now = now;
	}
}
