/** What callers of the sync machines see: options in, state out. */
import type { Clock } from "../lib/clock.ts";
import type { Present } from "../protocol/presence.ts";
import type { OpenSession, SessionStatus } from "../protocol/session.ts";
import type { DeltaOp } from "../protocol/stream.ts";
import type { Backend, SessionSource } from "./ports.ts";

/** What leaves the machine instead of an entry's JSON, and how often each rule hid something in it. */
export type Transformed = { json: string; hidden: Record<string, number> };
export type Transform = (json: string, type: string) => Transformed | Promise<Transformed>;

export type Streaming = {
	/** `watched`: deltas go out only while somebody watches the session. */
	mode: "always" | "watched" | "off";
	/** Least time between two pushes of deltas. 0: as fast as acks come. */
	intervalMs: number;
};

export type SessionSyncOptions = {
	backend: Backend;
	source: SessionSource;
	/** Asked anew at every open. */
	describe: () => Omit<OpenSession, "sessionId" | "header" | "lineage">;
	/** The fork's parent, null when its file is not to be had. Pushed first when the backend lacks it. Default: no fork. */
	parent?: () => Promise<SessionSource | null>;
	/** How to open that parent; default: as this session, started when its header says. */
	describeParent?: (parent: SessionSource) => Omit<OpenSession, "sessionId" | "header" | "lineage">;
	/** Redaction and leaving out. Default: as it is. An entry that it throws for is parked, never sent. */
	transform?: Transform;
	/** The same for deltas, in order; may hold ops back and give them out with a later one. Default: as they are. */
	transformOp?: (op: DeltaOp) => DeltaOp[];
	clock: Clock;
	/** Also its name in presence. */
	terminalId: string;
	/** Says that this terminal is at the session, under a name for people. Default: it does not. */
	presence?: { label: string; watching?: () => boolean };
	/** The epoch of the turn lock that writes of shared state carry; null: none. Default: none. */
	epoch?: () => number | null;
	/**
	 * Whether leaf and status of the session are this terminal's to say. `goesOn`: where the session stood when
	 * it was opened leads to this terminal's leaf, and nobody else has added to it since. Default: always.
	 */
	drives?: (goesOn: boolean) => boolean;
	/** Whether anything is sent at all; asked anew each time. Default: always. */
	pushes?: () => boolean;
	/** The backend took entries under an epoch that is over; the one that counts. */
	onStale?: (epoch: number) => void;
	streaming: Streaming;
	/** Entries are old: they do not make the session look active. Default false. */
	imported?: boolean;
	/** Makes stream ids. Default: random. */
	newId?: () => string;
};

export type Parked = { entryId: string; message: string };

export type SyncState = {
	link: "connecting" | "live" | "offline" | "signedOut";
	/** Entries that the backend has not acknowledged. */
	queued: number;
	/** Entries acknowledged since the start, those that it held already included. */
	sentCount: number;
	/** Entries that the backend refused for good. */
	parked: readonly Parked[];
	/** Secrets hidden so far, by rule. */
	hidden: Readonly<Record<string, number>>;
	/** Why it is not live; null when it is. */
	reason: string | null;
	/** Others who are at this session. */
	present: readonly Present[];
};

export type SyncReport =
	| { kind: "done"; checked: number; sent: number; parked: number }
	/** The rest goes out by itself when the backend is there again. */
	| { kind: "failed"; message: string };

/**
 * Contract: no method throws; only those that give a promise do work of their own, and none waits for
 * the network before it returns. After `dispose` all do nothing.
 */
export interface SessionSync {
	/** Entries or the leaf may have changed. */
	wake(): void;
	status(status: SessionStatus): void;
	/** A run begins; ops that follow belong to it. @param startedAt ms since the epoch. */
	beginRun(startedAt: number): void;
	op(op: DeltaOp): void;
	/** The message that the ops so far told is complete and its entry follows: next to be appended, it settles them. */
	messageDone(): void;
	/** The run is over; its stream ends once its entries stand. */
	endRun(): void;
	/** Entries of the source that came from the backend. Call it before they are in the source. */
	held(entryIds: readonly string[]): void;
	/** The leaf that the source was moved to is the backend's. */
	leafIs(leafId: string | null): void;
	/** The highest seq that the backend has told, and how many entries it has taken from here. */
	progress(): { lastSeq: number; added: number };
	/** Others see at once what has changed of this terminal's presence. */
	touch(): void;
	state(): SyncState;
	/** Called after every change, never at once. Gives the function that ends it. */
	onState(listener: (state: SyncState) => void): () => void;
	/** Compares every entry with the backend and sends what it lacks. */
	resync(): Promise<SyncReport>;
	/** True when all that is known now was acknowledged or parked within `deadlineMs`. */
	flush(deadlineMs: number): Promise<boolean>;
	dispose(): Promise<void>;
}
