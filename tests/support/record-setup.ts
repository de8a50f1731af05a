/**
 * A record of one session at the stand-in of a hosted OpenSync: real requests and real files, on a clock
 * that the test moves. Time moves only when nothing is under way.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenSyncClient } from "../../src/backend/opensync-client.ts";
import { createOpenSyncJournal } from "../../src/backend/opensync-journal.ts";
import type { RecordSync, RecordSyncOptions } from "../../src/sync/record-contract.ts";
import { createRecordSync } from "../../src/sync/record-sync.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import type { FakeSession } from "./fake-session.ts";
import { type HostedOpenSync, startHostedOpenSync } from "./hosted-opensync.ts";

/** Where sessions of tests run; they began when the session's header says. */
export const RECORD_PLACE = {
	projectPath: "/p",
	projectName: "p",
	startedAt: Date.parse("2026-11-21T08:00:00.000Z"),
};

export class RecordSetup {
	readonly hosted: HostedOpenSync;
	readonly clock: FakeClock;
	readonly folder: string;
	#busy = 0;
	readonly #syncs: RecordSync[] = [];
	/** Clocks of processes that died: their timers do not fire any more. */
	readonly #dead = new Map<RecordSync, () => void>();

	private constructor(hosted: HostedOpenSync, clock: FakeClock, folder: string) {
		this.hosted = hosted;
		this.clock = clock;
		this.folder = folder;
	}

	static async start(): Promise<RecordSetup> {
		const clock = new FakeClock();
		const hosted = await startHostedOpenSync({ now: clock.now });
		return new RecordSetup(hosted, clock, await mkdtemp(join(tmpdir(), "opensync-record-")));
	}

	async stop(): Promise<void> {
		for (const sync of this.#syncs) await sync.dispose();
		await this.hosted.stop();
		await rm(this.folder, { recursive: true, force: true });
	}

	/** As when its process dies: what it had begun may still happen, but it learns of nothing and does no more. */
	kill(sync: RecordSync): void {
		this.#dead.get(sync)?.();
		this.#syncs.splice(this.#syncs.indexOf(sync), 1);
	}

	/** @param options.apiKey default: the good one. @param options.deadlineMs of a request, real ms. */
	record(
		session: FakeSession,
		options: Partial<RecordSyncOptions> & { apiKey?: string; deadlineMs?: number } = {},
	): RecordSync {
		const { apiKey = this.hosted.key, deadlineMs = 5_000, ...more } = options;
		const { siteUrl } = this.hosted;
		let isDead = false;
		const never = new Promise<never>(() => {});
		const alive = <T>(value: T): T | Promise<never> => (isDead ? never : value);
		const journal = createOpenSyncJournal({
			recordsDir: this.folder,
			siteUrl,
			sessionId: session.sessionId,
			file: `/sessions/${session.sessionId}.jsonl`,
		});
		const sync = createRecordSync({
			destination: createOpenSyncClient({
				siteUrl,
				apiKey,
				version: "0.0.0",
				deadlineMs,
				fetch: (url, init) => (isDead ? never : this.#during(() => fetch(url, init)).then(alive)),
			}),
			journal: {
				read: () => this.#during(() => journal.read()).then(alive),
				write: (mark, unsent) =>
					isDead ? never : this.#during(() => journal.write(mark, unsent)).then(alive),
			},
			source: session,
			place: () => RECORD_PLACE,
			kept: { toolCalls: true, thinking: true },
			clock: {
				now: this.clock.now,
				after: (ms, run) => this.clock.after(ms, () => !isDead && run()),
			},
			...more,
		});
		this.#dead.set(sync, () => {
			isDead = true;
		});
		this.#syncs.push(sync);
		return sync;
	}

	/** Until nothing is under way at this moment of the clock. */
	async rest(): Promise<void> {
		for (let calm = 0; calm < 3; ) {
			await this.clock.advance(0);
			await settle(3);
			if (this.#busy > 0 || this.clock.next() === 0) {
				calm = 0;
				await new Promise((resolve) => setTimeout(resolve, 1));
			} else calm += 1;
		}
	}

	/** Lets time pass, with everything done that falls due on the way. */
	async pass(ms: number): Promise<void> {
		const until = this.clock.now() + ms;
		await this.rest();
		while (this.clock.now() < until) {
			await this.clock.advance(Math.min(this.clock.next() ?? ms, until - this.clock.now()));
			await this.rest();
		}
	}

	async #during<T>(work: () => Promise<T>): Promise<T> {
		this.#busy += 1;
		try {
			return await work();
		} finally {
			this.#busy -= 1;
		}
	}
}

/** The texts of a message's parts. */
export const textsOf = (parts: readonly { type: string; content: unknown }[]): string[] =>
	parts.filter(({ type }) => type === "text").map(({ content }) => String(content));
