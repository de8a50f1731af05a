/** What callers of the record see: options in, state out. */
import type { Clock } from "../lib/clock.ts";
import type { Parked, SyncReport, Transform } from "./contract.ts";
import type { RecordDestination, RecordJournal, SessionSource } from "./ports.ts";
import type { RecordKept } from "./record-message.ts";
import type { RecordPlace } from "./record-session.ts";

export type RecordSyncOptions = {
	destination: RecordDestination;
	journal: RecordJournal;
	source: SessionSource;
	/** Asked anew whenever the session is told. */
	place: () => RecordPlace;
	kept: RecordKept;
	/** Redaction. Default: as it is. An entry that it throws for is parked, never sent. */
	transform?: Transform;
	clock: Clock;
};

export type RecordState = {
	/** Host of the OpenSync. */
	host: string;
	link: "connecting" | "recording" | "offline" | "signedOut";
	/** Entries that still have to be looked at or acknowledged. */
	queued: number;
	/** Messages acknowledged since the start. */
	sentCount: number;
	/** Refused for good; `session` stands for the session itself. */
	parked: readonly Parked[];
	/** Secrets hidden so far, by rule. */
	hidden: Readonly<Record<string, number>>;
	/** Why it is not recording; null when it is. */
	reason: string | null;
};

/** Contract as of `SessionSync`: no method throws, and none waits for the network before it returns. */
export interface RecordSync {
	/** Entries may have come. */
	wake(): void;
	beginRun(): void;
	/** The run is over: the session is told what it has become. */
	endRun(): void;
	state(): RecordState;
	onState(listener: (state: RecordState) => void): () => void;
	/** Compares with what is recorded, and sends again what is not there or was refused. */
	resync(): Promise<SyncReport>;
	/** True when all that can be sent now was acknowledged or parked within `deadlineMs`. */
	flush(deadlineMs: number): Promise<boolean>;
	dispose(): Promise<void>;
}
