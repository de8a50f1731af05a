/**
 * One terminal that runs and others that follow it, over the fake backend, in a time that stands still.
 * What happens between two steps of a run is drawn by the test.
 */
import { expect } from "bun:test";
import fc from "fast-check";
import { LateSync } from "../../src/extension/late-sync.ts";
import { RunTeller } from "../../src/extension/run-teller.ts";
import type { SessionSync } from "../../src/sync/contract.ts";
import { Follower } from "../../src/sync/follower.ts";
import type { Fault } from "./fake-backend.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakeLiveBackend, FakeLiveStore, type Query } from "./fake-live-backend.ts";
import { FakeSession } from "./fake-session.ts";
import { drawn, MemoryTarget, type Row } from "./follow-screen.ts";
import { type RunScript, RunWriter, type Step } from "./pi-run.ts";
import { harness } from "./sync-harness.ts";

/** What happens before a step of a run. */
export type Moment =
	/** A terminal joins whose file has this much of the session. */
	| { kind: "join"; known: number }
	/** Followers hear nothing for so many steps: what they miss must be read. */
	| { kind: "deaf"; steps: number }
	| { kind: "time"; ms: number }
	/** These calls of the holder take that long from now on. */
	| { kind: "slow"; call: "pushStream" | "append"; ms: number }
	| { kind: "faults"; next: (Fault | null)[] }
	/** The link of the holder, or of all followers, is cut for so many steps. */
	| { kind: "cut"; who: "holder" | "followers"; steps: number }
	/** The backend forgets what runs. */
	| { kind: "streamLost" }
	| { kind: "reverse" };

const failure: fc.Arbitrary<Moment> = fc.oneof(
	fc.record({
		kind: fc.constant("faults" as const),
		next: fc.array(fc.constantFrom(null, "lost" as const, "unanswered" as const), { maxLength: 3 }),
	}),
	fc.record({
		kind: fc.constant("cut" as const),
		who: fc.constantFrom("holder" as const, "followers" as const),
		steps: fc.integer({ min: 1, max: 10 }),
	}),
	fc.constant({ kind: "streamLost" as const }),
);

const moment = (slowest: number, faults: boolean): fc.Arbitrary<Moment | null> =>
	fc.oneof(
		{ weight: 12, arbitrary: fc.constant(null) },
		{
			weight: 2,
			arbitrary: fc.record({ kind: fc.constant("join" as const), known: fc.nat(40) }),
		},
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant("deaf" as const), steps: fc.nat(12) }) },
		{
			weight: 3,
			arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.oneof(fc.nat(30), fc.nat(slowest)) }),
		},
		{
			weight: 1,
			arbitrary: fc.record({
				kind: fc.constant("slow" as const),
				call: fc.constantFrom("pushStream" as const, "append" as const),
				ms: fc.nat(slowest),
			}),
		},
		{ weight: 1, arbitrary: fc.constant({ kind: "reverse" as const }) },
		...(faults ? [{ weight: 3, arbitrary: failure }] : []),
	);

export const moments = (slowest: number, faults: boolean): fc.Arbitrary<(Moment | null)[]> =>
	fc.array(moment(slowest, faults), { maxLength: 120 });

export type Following = {
	follower: Follower;
	target: MemoryTarget;
	backend: FakeLiveBackend;
	log: string[];
	heard: () => void;
	/** Its file had what the backend had not: the leaf that the backend then names may be the older one for a moment. */
	wasAhead: boolean;
	seen: Row[][];
};

const SIDE_BRANCH = "a side branch";

export class FollowWorld {
	readonly clock = new FakeClock();
	readonly store = new FakeLiveStore(this.clock);
	readonly session = new FakeSession();
	readonly followers: Following[] = [];
	readonly #backend = new FakeLiveBackend(this.store);
	readonly #late = new LateSync();
	readonly #teller = new RunTeller(this.#late, () => {});
	readonly #sync: SessionSync;
	readonly #writer = new RunWriter();
	#deaf = 0;
	#slow = { pushStream: 0, append: 0 };
	#reverse = false;
	readonly #cut = { holder: 0, followers: 0 };

	constructor() {
		this.session.user("before");
		this.session.assistant("answered before");
		this.#backend.auto = false;
		this.#backend.delay = (call) =>
			(call === "pushStream" || call === "append") && this.#slow[call] > 0
				? new Promise((resolve) => void this.clock.after(this.#slow[call], resolve))
				: Promise.resolve();
		const { sync } = harness({ session: this.session, backend: this.#backend, clock: this.clock });
		this.#sync = sync;
		this.#late.attach(sync);
	}

	/** A terminal begins to follow. @param known how many entries its file has, as many as there are at most. */
	join(known: number): Following {
		const backend = new FakeLiveBackend(this.store);
		backend.auto = false;
		const seen: Row[][] = [];
		// A file may be ahead of the backend; that it is not any more is heard with the news.
		const stored = new Set<string>();
		const heard = () => {
			for (const id of this.store.ids(this.session.sessionId)) stored.add(id);
		};
		const target: MemoryTarget = new MemoryTarget(this.session.list.slice(0, known));
		const log: string[] = [];
		const follower = new Follower({
			backend,
			clock: this.clock,
			sessionId: this.session.sessionId,
			terminalId: `follower-${this.followers.length + 1}`,
			target,
			held: () => {},
			leafIs: () => {},
			isLevel: () => target.list.every(({ id }) => stored.has(id)),
			onSideBranch: () => log.push(SIDE_BRANCH),
			onChange: () => {},
			onDrawn: () => {},
			log: (line) => log.push(line),
		});
		follower.activate();
		if (this.#cut.followers > 0) backend.connect({ kind: "offline", reason: "No network." });
		const wasAhead = target.list.some(({ id }) => !this.store.ids(this.session.sessionId).includes(id));
		const following = { follower, target, backend, log, seen, heard, wasAhead };
		this.followers.push(following);
		return following;
	}

	async play(scripts: readonly RunScript[], list: readonly (Moment | null)[]): Promise<void> {
		await this.clock.advance(10);
		const steps = scripts.flatMap((script) => this.#writer.write(script));
		for (const [index, step] of steps.entries()) {
			this.#mend(1);
			await this.#happen(list[index] ?? null);
			this.#step(step);
			await this.clock.advance(1);
			await this.deliver();
		}
	}

	#step(step: Step): void {
		if (step.kind === "event") this.#teller.handle(step.event);
		else {
			this.session.add(step.type, step.rest);
			this.#sync.wake();
		}
	}

	async #happen(happening: Moment | null): Promise<void> {
		switch (happening?.kind) {
			case undefined:
				return;
			case "join":
				this.join(happening.known);
				return;
			case "deaf":
				this.#deaf = happening.steps;
				return;
			case "time":
				for (let part = 0; part < 6; part += 1) {
					await this.clock.advance(happening.ms / 6);
					await this.deliver();
				}
				return;
			case "slow":
				this.#slow[happening.call] = happening.ms;
				return;
			case "reverse":
				this.#reverse = !this.#reverse;
				return;
			case "faults": {
				const faults = [...happening.next];
				this.#backend.fault = () => faults.shift() ?? null;
				return;
			}
			case "cut":
				this.#cut[happening.who] = happening.steps;
				for (const backend of this.#backendsOf(happening.who))
					backend.connect({ kind: "offline", reason: "No network." });
				return;
			case "streamLost":
				// Not while a call is being said: the row that it has by then stays until the next redraw.
				if (!this.#saysCall()) this.store.streams.clear();
		}
	}

	#saysCall(): boolean {
		const ops = this.store.live(this.session.sessionId)?.ops ?? [];
		const start = ops.findLastIndex(([code]) => code === "m");
		const rest = ops.slice(start);
		return start !== -1 && rest.some(([code]) => code === "c") && !rest.some(([code]) => code === "e");
	}

	#backendsOf(who: "holder" | "followers"): FakeLiveBackend[] {
		return who === "holder" ? [this.#backend] : this.followers.map(({ backend }) => backend);
	}

	/** Links that were cut for long enough are there again. */
	#mend(steps: number): void {
		for (const who of ["holder", "followers"] as const) {
			if (this.#cut[who] === 0) continue;
			this.#cut[who] = Math.max(0, this.#cut[who] - steps);
			if (this.#cut[who] > 0) continue;
			for (const backend of this.#backendsOf(who)) backend.connect({ kind: "connected" });
		}
	}

	async deliver(): Promise<void> {
		if (this.#deaf > 0) {
			this.#deaf -= 1;
			return;
		}
		const order = (queries: Query[]): Query[] => (this.#reverse ? queries.reverse() : queries);
		for (const { backend, heard } of this.followers) {
			if (backend.connection().kind === "connected") heard();
			backend.deliver(order);
		}
		await settle(1);
		for (const { target, seen } of this.followers) seen.push(structuredClone(target.screen.rows));
	}

	/** All that is under way arrives. */
	async end(): Promise<void> {
		this.#mend(Number.POSITIVE_INFINITY);
		this.#deaf = 0;
		this.#slow = { pushStream: 0, append: 0 };
		this.#backend.fault = () => null;
		for (let round = 0; round < 16; round += 1) {
			await this.clock.advance(round < 6 ? 100 : 5_000);
			await this.deliver();
		}
		await this.#sync.dispose();
		for (const { follower } of this.followers) follower.stop();
	}

	/** The follower has what the file has, shows what the file shows, and never showed anything else. */
	check({ target, log, seen, follower, wasAhead }: Following): void {
		expect(wasAhead ? log.filter((line) => line !== SIDE_BRANCH) : log).toEqual([]);
		expect(target.list.map((entry) => JSON.stringify(entry))).toEqual(this.session.lines());
		const final = drawn(this.session.list);
		expect(target.screen.rows).toEqual(final);
		expect(target.screen.working).toBe(false);
		expect(follower.dropped).toBe(0);
		if (!wasAhead) for (const rows of seen) expectPrefix(rows, final);
	}
}

/** Rows on their way to `final`. */
export function expectPrefix(rows: readonly Row[], final: readonly Row[]): void {
	expect(rows.length).toBeLessThanOrEqual(final.length);
	for (const [index, row] of rows.entries()) {
		const whole = final[index] as Row;
		expect(row.kind).toBe(whole.kind);
		if (row.kind === "tool" && whole.kind === "tool") {
			expect(row.id).toBe(whole.id);
			if (whole.isError && whole.text === "broken off") continue;
		}
		if (!whole.text.startsWith(row.text)) expect(row.text).toBe(whole.text);
	}
}
