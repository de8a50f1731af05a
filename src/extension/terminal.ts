/**
 * One Pi session in this terminal: owns what syncs it, from `session_start` to `session_shutdown`.
 * Handlers talk to `late` and `pump`, which never wait; this class decides whether there is a sync at
 * all, replaces it when the settings change, and ends it within a deadline. What is unsent at the end
 * stands in the session file and goes out at the next start.
 */
import type {
	ExtensionAPI,
	ExtensionContext,
	InputEvent,
	SessionShutdownEvent,
} from "@earendil-works/pi-coding-agent";
import type { Settings } from "../config/options.ts";
import { recordsThinking } from "../config/sending.ts";
import { type Loaded, loadSettings } from "../config/settings.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { settledWithin } from "../lib/settled-within.ts";
import { TURN_LOCK_WAIT_MS } from "../protocol/limits.ts";
import type { PiEvent } from "../session/pi-events.ts";
import type { SyncReport } from "../sync/contract.ts";
import type { LiveBackend, SessionSource } from "../sync/ports.ts";
import { allHopeless, flushAll } from "./closing.ts";
import { createDebugLog, type Log, oneLine } from "./debug-log.ts";
import type { DestinationProbe } from "./destination-probe.ts";
import { type Destinations, destinationsOf, knownHosts } from "./destinations.ts";
import { EntryPump } from "./entry-pump.ts";
import { type Condition, footerText } from "./footer-text.ts";
import { createGuard, type Guard } from "./guard.ts";
import { LateSync } from "./late-sync.ts";
import { messageText } from "./message-text.ts";
import { Notices } from "./notices.ts";
import type { OpenedSync, openSync } from "./open-sync.ts";
import { PiInternals } from "./pi-internals.ts";
import { processTerminal } from "./process-terminal.ts";
import { describeParent, describeSession } from "./project.ts";
import { RunTeller } from "./run-teller.ts";
import { type Place, takePlace } from "./session-place.ts";
import { type FreezableSource, freezableSource, liveSource, parentSource } from "./session-source.ts";
import type { SharedSession } from "./shared-session.ts";

/** After Pi's first paint: what is heavy is loaded then. */
const FIRST_PAINT_MS = 50;
/** How long a session's start waits for the end of the last one's sync. */
const TURNOVER_MS = 2_000;
/** What quitting may cost: in the terminal somebody waits, elsewhere nothing else is left to do. */
const QUIT_MS = { tui: 1_500, other: 5_000, hopeless: 250 };
/** A session that was left is flushed in the background for this long. */
const LEFT_BEHIND_MS = 5_000;

type ParentOf = () => Promise<SessionSource | null>;

export class Terminal {
	readonly guard: Guard;
	readonly late = new LateSync();
	readonly log: Log;
	/** Makes deltas of the run. */
	readonly teller: RunTeller;
	readonly #pi: ExtensionAPI;
	readonly #off: () => boolean;
	/** What a timer of ours throws stays here (H1): Pi would end with it. */
	readonly #clock: Clock = {
		now: systemClock.now,
		after: (ms, run) => systemClock.after(ms, () => this.guard.background("timer", run)),
	};
	readonly #notices: Notices;
	#loaded: Loaded = loadSettings();
	#ctx: ExtensionContext | null = null;
	#pump: EntryPump | null = null;
	#source: FreezableSource | null = null;
	#opened: OpenedSync | null = null;
	#opening: Promise<void> = Promise.resolve();
	/** What the start has put off; null when it was done. */
	#beginOnce: (() => void) | null = null;
	#cwd = "";
	#file: string | null = null;
	#internals: PiInternals | null = null;
	#place: Place | null = null;
	/** Ends the hearing of Pi's session; null when only extension events are to be had. */
	#unhear: (() => void) | null = null;
	/** Connected before the session was there, for one that was attached to at the start. */
	#early: LiveBackend | null = null;
	#destinations: Destinations | null = null;
	/** The person asked for this sync, whatever the settings say of syncing by itself. */
	#isForced = false;
	/** Finds out whether the backend is a hosted OpenSync. */
	#probe: DestinationProbe | null = null;
	/** Nobody waits for a sync any more: one that opens now is closed again. */
	#abandoned = false;
	#condition: Condition = { kind: "off" };
	/** Null: nothing was shown yet, and what the last session showed may still stand. */
	#shown: string | undefined | null = null;
	#lastFailure: string | null = null;

	/** @param off asked at the start: whether this Pi was started with the sync switched off. */
	constructor(pi: ExtensionAPI, off: () => boolean) {
		this.#pi = pi;
		this.#off = off;
		this.teller = new RunTeller(this.late, (running) => this.#runChanged(running));
		this.log = createDebugLog(() => this.#loaded.settings.debug);
		this.guard = createGuard((where, error) => {
			this.#lastFailure = `${where}: ${error instanceof Error ? error.message : String(error)}`;
			this.log(`failed in ${where}: ${oneLine(error)}`);
		});
		this.#notices = new Notices(
			this.#clock,
			() => this.settings.convexUrl,
			(notice) => this.#ctx?.hasUI && this.#ctx.ui.notify(notice.text, notice.level),
		);
	}

	get settings(): Settings {
		return this.#loaded.settings;
	}

	get loaded(): Loaded {
		return this.#loaded;
	}

	get condition(): Condition {
		return this.#condition;
	}

	/** The last failure of a handler of ours, for `status`. */
	get lastFailure(): string | null {
		return this.#lastFailure;
	}

	get pump(): EntryPump | null {
		return this.#pump;
	}

	/** The session as other terminals share it; null while there is nothing to share it by. */
	get shared(): SharedSession | null {
		return this.#opened?.shared ?? null;
	}

	get backend(): LiveBackend | null {
		return this.#opened?.backend ?? null;
	}

	get place(): Place | null {
		return this.#place;
	}

	get internals(): PiInternals | null {
		return this.#internals;
	}

	/** Whether runs are heard from Pi's session; else the extension events tell them. */
	get hearsSession(): boolean {
		return this.#unhear !== null;
	}

	/** A backend that the session's start has connected already. */
	takeBackend(backend: LiveBackend): void {
		this.#early = backend;
	}

	/** Whether this Pi shares its sessions live: with a hosted OpenSync alone it only records them. */
	get wantsSync(): boolean {
		return this.#wantsSync() && this.destinations.live;
	}

	/** Why nothing is shared live here, as a sentence; null when it may be. */
	get notLive(): string | null {
		if (this.wantsSync) return null;
		if (this.#off()) return "This Pi was started with --no-opensync.";
		const [record] = this.#wantsSync() ? this.destinations.records : [];
		return record
			? `This session is recorded at ${new URL(record.siteUrl).host}, which shares nothing live: that needs a backend of pi-opensync.`
			: "OpenSync is not set up here: use /opensync:config.";
	}

	/** Where sessions go, by the settings in force. */
	get destinations(): Destinations {
		this.#destinations ??= destinationsOf(this.settings, knownHosts());
		return this.#destinations;
	}

	/** Settles when what syncs is loaded, or after `deadlineMs`: a start that was put off is hurried. */
	async whenLoaded(deadlineMs: number): Promise<void> {
		this.#beginOnce?.();
		await within(
			this.#opening.catch(() => {}),
			deadlineMs,
		);
	}

	/** A prompt was entered: what `input` answers. */
	async input(event: InputEvent): Promise<{ action: "handled" } | undefined> {
		const until = this.#clock.now() + TURN_LOCK_WAIT_MS;
		await this.whenLoaded(TURN_LOCK_WAIT_MS);
		return await this.shared?.input(event, until);
	}

	start(ctx: ExtensionContext): void {
		const manager = ctx.sessionManager;
		this.#ctx = ctx;
		const internals = new PiInternals(ctx);
		this.#internals = internals;
		if (this.wantsSync) this.#takePlace(ctx);
		this.#unhear = internals.subscribe((event) =>
			this.guard.background(event.type, () => this.#heard(event)),
		);
		this.guard.background("screen", () => this.#meetScreen(ctx, internals));
		this.#source = freezableSource(liveSource(manager));
		this.#pump = new EntryPump(
			this.#clock,
			() => manager.getLeafId(),
			() => this.late.wake(),
		);
		this.#pump.start();
		const parent = () => parentSource(manager);
		this.#cwd = ctx.cwd;
		this.#file = manager.getSessionFile() ?? null;
		this.#beginOnce = () => {
			this.#beginOnce = null;
			this.guard.background("start", () => this.#begin(this.#wantsSync(), parent));
		};
		// Not unref'd: in print mode nothing else may hold the process while what syncs is loaded.
		// Who came to follow came for what is with the backend.
		const isWaited = this.#early !== null || this.#place?.isReplica === true;
		if (isWaited) this.#beginOnce();
		else setTimeout(() => this.#beginOnce?.(), FIRST_PAINT_MS);
	}

	/** In the midst of a run the file stays as it is. */
	#takePlace(ctx: ExtensionContext): void {
		const internals = this.#internals;
		this.guard.background("place", () => {
			if (internals && !this.#place && !this.teller.isRunning) this.#place = takePlace(ctx, internals);
		});
	}

	#heard(event: PiEvent): void {
		const message = event.message as { role?: string; content?: unknown } | undefined;
		if (event.type === "message_start" && message?.role === "user")
			this.shared?.promptStarted(messageText(message.content));
		this.teller.handle(event);
	}

	#runChanged(running: boolean): void {
		this.#pump?.setRunning(running);
		this.#pump?.look();
		this.shared?.runChanged(running);
	}

	/** A widget is the one place where Pi shows its screen to an extension; it is gone at once. */
	#meetScreen(ctx: ExtensionContext, internals: PiInternals): void {
		if (ctx.mode !== "tui") return;
		ctx.ui.setWidget("opensync.screen", (tui) => {
			internals.tui = tui as unknown as PiInternals["tui"];
			return { render: () => [], invalidate: () => {} };
		});
		ctx.ui.setWidget("opensync.screen", undefined);
	}

	/** Reads the settings again and syncs by them, without a restart. @param force sync even where auto sync is off. */
	async restart(force = false): Promise<void> {
		const ctx = this.#ctx;
		if (!ctx) return;
		this.#isForced = force;
		this.#loaded = loadSettings();
		this.#destinations = null;
		// A session that was not synced from its start was nobody's until now.
		if ((force || this.#wantsSync()) && this.destinations.live) this.#takePlace(ctx);
		this.#probe?.stop();
		this.late.detach(true);
		this.#beginOnce = null;
		const before = this.#opened;
		this.#opened = null;
		if (before) processTerminal().closing = this.#quietly(before.close());
		await this.#begin(force || this.#wantsSync(), () => parentSource(ctx.sessionManager));
	}

	/** Compares everything with the backend; starts to sync first where nothing does yet. */
	async resync(): Promise<SyncReport> {
		if (!this.#opened) await this.restart(true);
		const sync = this.late.current;
		if (sync) return await sync.resync();
		return {
			kind: "failed",
			message: this.#isUnset ? "No API key is set: use /opensync:config." : "The sync could not be started.",
		};
	}

	/** For Pi's shutdown: how long it may wait for us. */
	deadlineMs(reason: SessionShutdownEvent["reason"]): number {
		if (reason !== "quit" && reason !== "reload") return 0;
		const isIdle = this.#condition.kind !== "starting" && !this.#beginOnce;
		const hopeless = allHopeless(this.#opened) ?? isIdle;
		if (hopeless && !this.#isInDoubt) return QUIT_MS.hopeless;
		return this.#ctx?.mode === "tui" ? QUIT_MS.tui : QUIT_MS.other;
	}

	/** Ends the session's sync. The promise settles when all is closed; Pi waits for its deadline at most. */
	stop(reason: SessionShutdownEvent["reason"]): Promise<void> {
		const budget = Math.max(this.deadlineMs(reason), reason === "quit" ? 0 : LEFT_BEHIND_MS);
		this.#pump?.stop();
		this.#notices.stop();
		this.#beginOnce?.();
		this.late.wake();
		// A session that others are at goes on without this terminal.
		if (reason !== "reload" && !this.late.current?.state().present.some(({ kind }) => kind === "terminal"))
			this.late.status("ended");
		this.late.endRun();
		this.#source?.freeze();
		this.#unhear?.();
		this.#unhear = null;
		this.shared?.letGo();
		this.#internals?.restore();
		this.#ctx = null;
		const closing = this.#quietly(this.#close(budget, reason));
		processTerminal().closing = closing;
		return closing;
	}

	#quietly(closing: Promise<void>): Promise<void> {
		return closing.catch((error: unknown) => this.log(`closing failed: ${oneLine(error)}`));
	}

	async #close(budgetMs: number, reason: SessionShutdownEvent["reason"]): Promise<void> {
		const until = this.#clock.now() + budgetMs;
		await within(
			this.#opening.catch(() => {}),
			budgetMs,
		);
		const opened = this.#opened;
		this.#opened = null;
		this.#abandoned = true;
		// The same session goes on after a reload, in the same file.
		const place = reason === "reload" ? null : this.#place;
		const isFork = reason === "fork";
		if (!opened) return place?.leave(false, isFork);
		await flushAll(opened, until);
		const sent = opened.live?.state().link === "live" && opened.live.state().queued === 0;
		await opened.close();
		if (!sent) await this.#recordLate(opened, until);
		this.#probe?.stop();
		// A fork is read out of its parent's file.
		place?.leave(sent, isFork);
	}

	/** Whether the backend may be a hosted OpenSync: it did not answer as one of ours, and was not asked yet. */
	get #isInDoubt(): boolean {
		const live = this.#opened?.live;
		return (
			live !== null && live !== undefined && live.state().link !== "live" && this.#probe?.isOpen === true
		);
	}

	/** A Pi that is over before it was known that its backend is an OpenSync, as in print mode: what it said is recorded all the same. */
	async #recordLate(opened: OpenedSync, until: number): Promise<void> {
		const probe = this.#probe;
		if (!opened.live || !probe || this.#place?.isReplica) return;
		if (probe.isOpen) await within(probe.look(), Math.max(0, until - this.#clock.now()));
		if (probe.openSyncSite === null) return;
		const late = await this.#load({ ...destinationsOf(this.settings, knownHosts()), live: false });
		await flushAll(late, until);
		await late.close();
	}

	/** Nothing in the settings can be sent to. */
	get #isUnset(): boolean {
		const { live, records } = this.destinations;
		return !live && records.length === 0;
	}

	#wantsSync(): boolean {
		return this.settings.autoSync && !this.#off();
	}

	async #begin(wanted: boolean, parent: ParentOf): Promise<void> {
		this.#tellProblems();
		if (!wanted || this.#isUnset) {
			this.late.detach(false);
			this.#setCondition(wanted ? { kind: "unset" } : { kind: "off" });
			return;
		}
		this.#setCondition({ kind: "starting" });
		this.#opening = this.#open(parent);
		await this.#opening.catch((error: unknown) => {
			this.late.detach(false);
			this.#setCondition({ kind: "broken", reason: error instanceof Error ? error.message : String(error) });
			throw error;
		});
	}

	async #open(parent: ParentOf): Promise<void> {
		const { closing } = processTerminal();
		const settings = this.settings;
		// The last session's goodbye must not come after this one's first beat: both bear the terminal's id.
		await within(closing, TURNOVER_MS);
		const isReplica = this.#place?.isReplica ?? false;
		const { live, records } = this.destinations;
		const { DestinationProbe } = await import("./destination-probe.ts");
		const probe = new DestinationProbe(settings, this.#clock, () =>
			this.guard.background("destination", () => this.restart(this.#isForced)),
		);
		// A session whose own file is elsewhere is recorded there.
		const opened = await this.#load({ live, records: isReplica ? [] : records }, parent);
		this.#early = null;
		// The settings changed again while this was loading, or the session has long ended.
		if (settings !== this.settings || this.#abandoned) return await opened.close();
		this.#opened = opened;
		this.#probe = probe;
		if (!live && settings.apiKey !== "") void probe.look();
		opened.sync.onState(() => this.guard.background("state", () => this.#observe(opened)));
		this.late.attach(opened.sync);
		if (this.teller.isRunning) opened.shared?.runChanged(true);
		this.#observe(opened);
	}

	/** @param parent default: none is looked for. */
	async #load(destinations: Destinations, parent: ParentOf = async () => null): Promise<OpenedSync> {
		const { openSync } = await import("./open-sync.ts");
		const source = this.#source;
		if (!source) throw new Error("There is no session.");
		const cwd = this.#cwd;
		return await openSync({
			settings: this.settings,
			recordThinking: recordsThinking(this.#loaded),
			destinations,
			file: this.#file,
			cwd,
			source,
			describe: () => describeSession(source, cwd, this.#clock.now()),
			describeParent: (one) => describeParent(one, cwd, this.#clock.now()),
			parent,
			clock: this.#clock,
			terminalId: processTerminal().terminalId,
			log: this.log,
			shared: this.#sharing(),
			...(this.#early ? { backend: this.#early } : {}),
		});
	}

	#sharing(): Parameters<typeof openSync>[0]["shared"] {
		const [ctx, internals] = [this.#ctx, this.#internals];
		if (!ctx || !internals?.canAppend) return null;
		const file = ctx.sessionManager.getSessionFile();
		return {
			pi: this.#pi,
			ctx,
			internals,
			readOnly: file !== undefined && processTerminal().readOnly.has(file),
			isReplica: this.#place?.isReplica ?? false,
			ownsFile: this.#place?.isOwn ?? false,
			onChange: () => this.#opened && this.#observe(this.#opened),
		};
	}

	#observe(opened: OpenedSync): void {
		if (opened !== this.#opened) return;
		const { live, shared } = opened;
		const records = opened.records.map((record) => record.state());
		if (!live) return this.#setCondition({ kind: "recording", state: opened.sync.state(), records });
		const state = live.state();
		if (state.link === "offline" || state.link === "signedOut") void this.#probe?.look();
		this.#setCondition({ kind: "syncing", state, shared: shared?.state ?? null, records });
	}

	#setCondition(condition: Condition): void {
		const before = this.#condition;
		this.#condition = condition;
		if (before.kind !== condition.kind) this.log(`now ${condition.kind}`);
		const ctx = this.#ctx;
		if (!ctx?.hasUI) return;
		const text = footerText(condition);
		if (text !== this.#shown) {
			this.#shown = text;
			ctx.ui.setStatus("opensync", text);
		}
		this.#tell(condition);
	}

	/** A setting that is not used is no reason to fail, but somebody set it. */
	#tellProblems(): void {
		const { problems } = this.#loaded;
		const own = processTerminal();
		const text = problems.join(" ");
		if (text === own.problemsTold) return;
		own.problemsTold = text;
		if (text !== "" && this.#ctx?.hasUI) this.#ctx.ui.notify(`OpenSync: ${text}`, "warning");
	}

	#tell(condition: Condition): void {
		const own = processTerminal();
		if (condition.kind === "unset") {
			if (own.introduced) return;
			own.introduced = true;
		}
		this.#notices.observe(condition);
	}
}

const within = (work: Promise<unknown>, ms: number): Promise<void> => settledWithin(work, systemClock, ms);
