/**
 * One session at several terminals, as this terminal sees it: who drives, what is drawn, what is queued.
 *
 * Guarantees: of all handlers only `input` waits, for the turn lock, and at most `TURN_LOCK_WAIT_MS`; without
 * a backend Pi runs as ever. While another terminal runs, this Pi's session says that a run is on, so Enter,
 * Alt+Enter, Escape and the rest mean what they mean there, and what they do goes to the holder. Everything
 * that is put before Pi's own methods is taken away at the end.
 */
import type { ExtensionAPI, ExtensionContext, InputEvent } from "@earendil-works/pi-coding-agent";
import type { Clock } from "../lib/clock.ts";
import { randomId } from "../lib/randomness.ts";
import { settledWithin } from "../lib/settled-within.ts";
import { TURN_LOCK_WAIT_MS } from "../protocol/limits.ts";
import type { Present } from "../protocol/presence.ts";
import type { SessionView } from "../protocol/session.ts";
import { timesSaid } from "../session/entry-paths.ts";
import type { SessionSync } from "../sync/contract.ts";
import { Follower } from "../sync/follower.ts";
import type { LiveBackend } from "../sync/ports.ts";
import { PromptDesk } from "../sync/prompt-desk.ts";
import { type LockState, TurnLockKeeper } from "../sync/turn-lock-keeper.ts";
import { AcceptedPrompts } from "./accepted-prompts.ts";
import { learnScopes } from "./key-scopes.ts";
import { Leader } from "./leader.ts";
import type { PiInternals } from "./pi-internals.ts";
import { piTarget } from "./pi-target.ts";
import { RemoteRun } from "./remote-run.ts";
import { lookOn } from "./replica.ts";
import { SessionNotes } from "./session-notes.ts";
import { SharedDialogs } from "./shared-dialogs.ts";

export type SharedSessionOptions = {
	pi: ExtensionAPI;
	ctx: ExtensionContext;
	internals: PiInternals;
	backend: LiveBackend;
	clock: Clock;
	sessionId: string;
	terminalId: string;
	label: string;
	/** Sees all and changes nothing. */
	readOnly: boolean;
	/** Its file is a replica: it follows even while nobody else is there. */
	isReplica: boolean;
	/** No other terminal writes the session's file. */
	ownsFile: boolean;
	log: (line: string) => void;
	onChange: () => void;
};

/** What a footer and `status` say. */
export type SharedState = {
	lock: LockState;
	/** The run of another terminal is on. */
	isRemote: boolean;
	following: boolean;
	/** Its file is a replica: the session's own is open elsewhere. */
	isReplica: boolean;
	readOnly: boolean;
	dropped: number;
};

/** All of a run's entries are sent before its lock is given back, if that takes no longer. */
const FLUSH_MS = 5_000;
/** A lock that was acquired for a prompt which started nothing is given back. */
const UNUSED_MS = 4_000;

const ASIDE = "another terminal drove meanwhile. What was written here is a side branch now: see /tree.";
/** A command waits this long for what the other terminal said, and looks this often. */
const LEVEL_MS = 2_000;
const LOOK_MS = 20;
const OWN_ACK_MS = 500;

type Handled = { action: "handled" } | undefined;

export class SharedSession {
	readonly #options: SharedSessionOptions;
	readonly #keeper: TurnLockKeeper;
	readonly #follower: Follower;
	readonly #desk: PromptDesk;
	readonly #dialogs: SharedDialogs;
	readonly #accepted: AcceptedPrompts;
	readonly #remote: RemoteRun;
	readonly #leader: Leader;
	readonly #notes: SessionNotes;
	#sync: SessionSync | null = null;
	/** A run of this terminal's own is on. */
	#running = false;
	/** The lock is ours, for a run that is on or about to be. */
	#driving = false;
	/** A prompt is on its way into Pi: whatever comes now is for the run that it begins. */
	#starting = false;
	#others = 0;
	#fenced = false;
	#wasFenced = false;
	#cancelUnused: (() => void) | null = null;
	/** Rises with every acquiring and giving back: an older one that is still under way gives up. */
	#turn = 0;
	#releasing = Promise.resolve();
	#wasTheirs = false;
	#noticing = false;
	#catchingUp = true;
	#stopped = false;
	#readOnly: boolean;

	constructor(options: SharedSessionOptions) {
		this.#options = options;
		this.#readOnly = options.readOnly;
		const { backend, clock, sessionId, internals, ctx } = options;
		this.#notes = new SessionNotes(ctx, clock);
		this.#keeper = new TurnLockKeeper({
			...options,
			onChange: (state) => this.#lockChanged(state),
		});
		this.#follower = new Follower({
			...options,
			target: piTarget({
				ctx,
				internals,
				ownsFile: options.ownsFile,
				isBusy: () => this.#running || this.#driving,
				onQueue: (steering, followUp) => this.#remote.queueIs(steering, followUp),
				onUnknownModel: (name) =>
					this.#tell(`the session now uses ${name}, which this Pi does not have.`, "warning"),
				// Pi lets only commands draw, and the short way is not there.
				redrawByCommand: () =>
					options.pi.sendUserMessage("/opensync:redraw", { expandPromptTemplates: true }),
				onDrawing: (drawing) => {
					this.#remote.drawing = drawing;
				},
			}),
			held: (entryIds) => this.#sync?.held(entryIds),
			leafIs: (leafId) => {
				this.#sync?.leafIs(leafId);
				this.#wasFenced ||= this.#fenced;
				this.#fenced = false;
			},
			isLevel: () => this.#fenced || (this.#sync?.state().queued ?? 1) === 0,
			onChange: () => this.#followed(),
			onDrawn: () => {
				if (this.#wasFenced) this.#notes.keep(ASIDE, "warning");
				this.#wasFenced = false;
				this.#notes.drawn();
			},
			onSideBranch: () =>
				this.#tell("what another terminal wrote meanwhile is a side branch: see /tree.", "info"),
		});
		this.#desk = new PromptDesk({
			...options,
			newId: randomId,
			epoch: () =>
				this.#driving && !this.#starting && this.#keeper.state.kind === "mine"
					? this.#keeper.state.epoch
					: null,
			isFree: () => this.#keeper.state.kind === "none" && !this.#driving && !this.#running && !this.#readOnly,
			run: (prompt, content) => {
				this.#starting ||= !this.#running && prompt.kind !== "abort";
				this.#remote.run(prompt, content);
			},
			drive: () => void this.#driveQueued(),
			said: (text) => timesSaid(ctx.sessionManager.getEntries(), text),
			level: () => this.#level(),
			onOwn: (_own, back, reason) => this.#remote.ownChanged(back, reason),
		});
		this.#accepted = new AcceptedPrompts(async (promptId, state, reason) => {
			// Done is what is stored: until then its author keeps it.
			if (state === "done") await this.#sync?.flush(FLUSH_MS);
			this.#desk.advance(promptId, state, reason);
		});
		this.#dialogs = new SharedDialogs({
			...options,
			newId: randomId,
			isShared: () => this.#others > 0 && ctx.mode === "tui",
			readOnly: () => this.#readOnly,
			tell: (text, level) => this.#tell(text, level),
		});
		this.#remote = new RemoteRun({
			...options,
			desk: this.#desk,
			accepted: this.#accepted,
			isRemote: () => this.#isRemote,
			isRunning: () => this.#running,
			readOnly: () => this.#readOnly,
			level: () => this.#level(),
			acquire: async () => (await this.#drive()) === "driving",
			tell: (text, level) => this.#tell(text, level),
		});
		this.#leader = new Leader(backend, sessionId, (who, { title }) =>
			this.#tell(`${who} went on to the session "${title}". Go along with /opensync:along.`, "info"),
		);
		if (options.isReplica) this.#follower.activate();
	}

	get state(): SharedState {
		return {
			lock: this.#keeper.state,
			isRemote: this.#isRemote,
			following: this.#follower.isActive,
			isReplica: this.#options.isReplica,
			readOnly: this.#readOnly,
			dropped: this.#follower.dropped + this.#options.internals.dropped,
		};
	}

	/** Where the other terminal went on to; null while it did not. */
	get wentTo(): SessionView | null {
		return this.#leader.wentTo;
	}

	/** For the session's writes: their epoch, and whether leaf and status are ours to say. */
	readonly epoch = (): number | null => this.#keeper.epoch;
	readonly drives = (goesOn: boolean): boolean => {
		if (this.#readOnly) return false;
		const { kind } = this.#keeper.state;
		return kind === "mine" || (kind === "none" && !this.#fenced && (goesOn || !this.#catchingUp));
	};
	readonly pushes = (): boolean => !this.#readOnly;
	readonly watching = (): boolean => this.#follower.isActive && !this.#driving;
	readonly onStale = (epoch: number): void => void this.#fencedOff(epoch);

	/** The sync of the same session; once. */
	attach(sync: SessionSync): void {
		this.#sync = sync;
		// What the backend has and the file has not, as after a run that another terminal finished.
		this.#follower.activate();
		if (this.#options.isReplica) void this.#learnScopes();
		this.#presenceChanged(sync.state().present);
		sync.onState(({ present, queued }) => {
			this.#presenceChanged(present);
			// Entries of one's own that were on their way kept some things back.
			if (queued === 0) this.#follower.look();
		});
	}

	/** A dialog of our own is for this terminal alone. */
	privately<T>(show: () => T): T {
		return this.#dialogs.privately(show);
	}

	/** A prompt was entered. @param until Pi waits no longer than to this time, ms since the epoch. */
	async input(event: InputEvent, until: number): Promise<Handled> {
		if (this.#remote.isDelivering && event.source === "extension") return undefined;
		if (this.#options.ctx.mode !== "tui") {
			void this.#drive();
			return undefined;
		}
		if (this.#readOnly)
			return this.#refuse(event, "this terminal only looks on. Leave with /opensync:detach to type here.");
		if (this.#running) return undefined;
		if (this.#keeper.state.kind === "theirs") return this.#remote.forward(event);
		this.#starting = true;
		const answer = await this.#drive(until);
		if (answer !== "driving") this.#starting = false;
		if (answer === "held") return this.#remote.forward(event);
		if (answer === "behind")
			return this.#refuse(
				event,
				"the last entries of this session have not arrived yet. Try again in a moment.",
			);
		return undefined;
	}

	/** A run of this terminal's own begins, or is over. */
	runChanged(running: boolean): void {
		this.#running = running;
		this.#starting = false;
		this.#cancelUnused?.();
		if (running) {
			if (this.#driving) this.#desk.look();
			else void this.#drive();
			return;
		}
		this.#accepted.settled(this.#remote.queued());
		if (this.#accepted.isWaiting) this.#remote.returnQueue();
		void this.#giveBack();
	}

	/** A user's message begins: one that was accepted for another terminal has started. */
	promptStarted(text: string): void {
		this.#accepted.started(text);
	}

	/** Ends the run of the terminal that drives. False: there is none, or this one only looks on. */
	stopRemote(): boolean {
		if (!this.#isRemote || this.#readOnly) return false;
		this.#desk.send("abort", { text: "" });
		return true;
	}

	/** From a dead or absent holder. @returns a sentence for the person. */
	async takeOver(epoch: number): Promise<string> {
		const answer = await this.#keeper.takeOver(epoch);
		if (answer.kind === "held") return `Somebody else has the turn lock now: ${answer.holder.label}.`;
		if (answer.kind === "alone") return "The backend cannot be asked.";
		await this.#follower.reached(answer.lastSeq, TURN_LOCK_WAIT_MS);
		await this.#keeper.release();
		return "The turn lock is free: type here to go on.";
	}

	/** Pi is as it was, at once: what is loaded next finds nothing of ours. */
	letGo(): void {
		if (this.#stopped) return;
		this.#stopped = true;
		this.#cancelUnused?.();
		this.#leader.stop();
		this.#options.internals.restore();
		this.#dialogs.stop();
		this.#desk.stop();
		this.#follower.stop();
	}

	/** Lets go, and gives the lock back. Settles when that is done, or cannot be. */
	async stop(): Promise<void> {
		this.letGo();
		await this.#keeper.release();
		this.#keeper.stop();
	}

	get #isRemote(): boolean {
		return !this.#running && !this.#driving && this.#keeper.state.kind === "theirs";
	}

	/** Acquires the lock and what the others wrote; the session is ours to change afterwards. */
	async #drive(
		until = this.#options.clock.now() + TURN_LOCK_WAIT_MS,
	): Promise<"driving" | "held" | "behind"> {
		const { clock, internals } = this.#options;
		this.#turn += 1;
		const left = () => Math.max(0, until - clock.now());
		await settledWithin(this.#releasing, clock, left());
		const answer = await this.#keeper.acquire(left());
		if (answer.kind === "held") return "held";
		const isBehind = answer.kind === "acquired" && !(await this.#isLevel(answer.lastSeq, until));
		// The session may have ended meanwhile: Pi's context is another one then.
		if (isBehind || this.#stopped) {
			await this.#keeper.release();
			return isBehind ? "behind" : "driving";
		}
		this.#driving = true;
		internals.refreshContext();
		this.#follower.ownRun();
		this.#sync?.touch();
		this.#options.onChange();
		this.#expectRun();
		this.#desk.look();
		return "driving";
	}

	/** Everything that the backend has is in the session, or is within the time that is left. */
	async #isLevel(lastSeq: number, until: number): Promise<boolean> {
		const known = Math.max(this.#follower.seq, this.#sync?.progress().lastSeq ?? 0);
		if (lastSeq <= known || this.#running || this.#driving) return true;
		this.#follower.activate();
		return await this.#follower.reached(lastSeq, Math.max(0, until - this.#options.clock.now()));
	}

	/** Another terminal's run is over, and what it said is on its way: settles when it is here, within two seconds. */
	async #level(): Promise<void> {
		const { clock } = this.#options;
		const until = clock.now() + LEVEL_MS;
		const isBehind = () => this.#follower.isActive && this.#follower.liveSeq > this.#follower.seq;
		const isEnding = () => this.#isRemote && !this.#follower.isTelling;
		while (!this.#stopped && clock.now() < until && (isBehind() || isEnding()))
			await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
	}

	/** A prompt that starts nothing keeps no lock. */
	#expectRun(): void {
		this.#cancelUnused?.();
		this.#cancelUnused = this.#options.clock.after(UNUSED_MS, () => {
			this.#starting = false;
			if (!this.#running && this.#options.ctx.isIdle()) void this.#giveBack();
		});
	}

	/**
	 * Entries first, then the lock: whoever has it next has them all. Without a backend the epoch is kept until
	 * they are sent, so that it shows whether somebody else drove meanwhile.
	 */
	async #giveBack(): Promise<void> {
		this.#turn += 1;
		const turn = this.#turn;
		const isOver = () => this.#stopped || this.#running || turn !== this.#turn;
		const sync = this.#sync;
		while (sync && !isOver() && !(await sync.flush(FLUSH_MS)));
		if (isOver()) return;
		this.#releasing = this.#keeper.release();
		await this.#releasing;
		if (isOver()) return;
		this.#driving = false;
		this.#follower.look();
		sync?.touch();
		this.#desk.look();
		this.#options.onChange();
	}

	/** A write under an old epoch was taken without moving anything. */
	async #fencedOff(epoch: number): Promise<void> {
		// What was on its way while the lock was acquired here: the leaf is said again.
		if (await this.#keeper.owns(epoch)) return this.#sync?.wake();
		if (!this.#fenced) this.#tell(ASIDE, "warning");
		this.#fenced = true;
		this.#keeper.noteStale();
	}

	/** The text stays with whoever typed it. */
	#refuse(event: InputEvent, why: string): Handled {
		if (event.source === "extension") return undefined;
		this.#remote.giveText([event.text]);
		this.#tell(why, "warning");
		return { action: "handled" };
	}

	/** A prompt from here waits, and nobody drives any more: it is run here. */
	async #driveQueued(): Promise<void> {
		if (this.#readOnly || this.#driving || this.#running) return;
		if ((await this.#drive()) === "driving") this.#desk.look();
	}

	#presenceChanged(present: readonly Present[]): void {
		const terminals = present.filter(({ kind }) => kind === "terminal");
		this.#leader.present(terminals);
		this.#others = terminals.length;
		this.#dialogs.look();
		this.#activity();
	}

	/** The backend has what did not come from here, although nobody else was seen: it is fetched. */
	#noticeNews(): void {
		const isNews = () => {
			const known = Math.max(this.#sync?.progress().lastSeq ?? 0, this.#follower.seq);
			const isQuiet = !this.#follower.isActive && !this.#running && !this.#driving && !this.#stopped;
			return isQuiet && this.#sync?.state().link === "live" && this.#follower.liveSeq > known;
		};
		if (this.#noticing || !isNews()) return;
		this.#noticing = true;
		// What was sent from here is acknowledged in a moment.
		this.#options.clock.after(OWN_ACK_MS, () => {
			this.#noticing = false;
			if (!isNews()) return;
			this.#catchingUp = true;
			this.#activity();
		});
	}

	/** Follows while there is somebody to follow. */
	#activity(): void {
		const { isReplica } = this.#options;
		const needed = isReplica || this.#others > 0 || this.#catchingUp || this.#keeper.state.kind === "theirs";
		const before = this.#follower.isActive;
		if (needed) this.#follower.activate();
		else if (!this.#driving) this.#follower.deactivate();
		if (before !== this.#follower.isActive) this.#sync?.touch();
	}

	#followed(): void {
		this.#noticeNews();
		const known = Math.max(this.#sync?.progress().lastSeq ?? 0, this.#follower.liveSeq);
		if (this.#catchingUp && this.#sync?.state().link === "live" && this.#follower.seq >= known) {
			this.#catchingUp = false;
			this.#sync?.wake();
			this.#activity();
		}
		this.#remote.look();
		this.#options.onChange();
	}

	#lockChanged(state: LockState): void {
		if (this.#stopped) return;
		this.#activity();
		const isTheirs = state.kind === "theirs";
		if (isTheirs && state.holder) this.#leader.drives(state.holder);
		if (this.#wasTheirs && !isTheirs) {
			this.#remote.queueIs([], []);
			this.#remote.showQueue();
		}
		this.#wasTheirs = isTheirs;
		if (state.kind !== "mine" && !this.#running && this.#driving && isTheirs) this.#driving = false;
		this.#follower.look();
		this.#desk.look();
		this.#remote.look();
		this.#options.onChange();
	}

	#tell(text: string, level: "info" | "warning"): void {
		this.#notes.tell(text, level);
	}

	/** A key without the scope to control lets a follower look on. */
	async #learnScopes(): Promise<void> {
		const { backend, clock, ctx } = this.#options;
		const scopes = await learnScopes(backend, clock, () => this.#stopped);
		if (!scopes) return;
		this.#readOnly ||= !scopes.includes("control");
		if (this.#readOnly) lookOn(ctx.sessionManager.getSessionFile());
		this.#options.onChange();
	}
}
