/** O1, O2, O4, E1, S1, S2 under any interleaving: nothing lost, nothing doubled, order kept, no message shown twice. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Streaming } from "../../src/sync/contract.ts";
import { type Happening, happenings, runs } from "../support/arbitraries.ts";
import { FakeBackend, FakeStore, type Fault } from "../support/fake-backend.ts";
import { settle } from "../support/fake-clock.ts";
import { FakeSession } from "../support/fake-session.ts";
import { StreamWatcher } from "../support/stream-watcher.ts";
import { type Harness, harness } from "../support/sync-harness.ts";

class World {
	readonly session = new FakeSession();
	readonly store = new FakeStore();
	readonly watcher = new StreamWatcher(this.store, "session-1");
	readonly streaming: Streaming;
	current: Harness;
	backend: FakeBackend;
	#said = 0;
	#open: string | null = null;

	constructor(streaming: Streaming) {
		this.streaming = streaming;
		this.backend = new FakeBackend(this.store);
		this.current = this.#start();
	}

	#start(): Harness {
		const made = harness({ session: this.session, backend: this.backend, streaming: this.streaming });
		made.sync.beginRun(1);
		return made;
	}

	async do(happening: Happening): Promise<void> {
		const { sync, clock } = this.current;
		switch (happening.kind) {
			case "user":
				this.session.user(`u${this.session.list.length}`);
				sync.wake();
				break;
			case "answer":
				this.#begin();
				for (let delta = 0; delta < happening.deltas; delta += 1) {
					sync.op(["t", 0, "."]);
					if (happening.lookBetween) await this.look();
				}
				this.#finish();
				break;
			case "beginAnswer":
				this.#begin();
				break;
			case "tool":
				sync.op(["x", "c", "bash", "{}"]);
				for (let more = 0; more < happening.output; more += 1) sync.op(["o", "c", more, "x"]);
				sync.op(["d", "c", 0]);
				this.session.add("message", { message: { role: "toolResult", toolCallId: "c", content: [] } });
				sync.wake();
				break;
			case "label":
				this.session.add("label", { targetId: "00000001", label: "here" });
				break;
			case "moveLeaf":
				this.session.leaf = this.session.list.at(-1 - happening.back)?.id ?? null;
				sync.wake();
				break;
			case "time":
				await clock.advance(happening.ms);
				break;
			case "faults":
				this.#failNext([...happening.next]);
				break;
			case "offline":
				this.backend.connect({ kind: "offline", reason: "No network." });
				break;
			case "online":
				this.backend.connect({ kind: "connected" });
				break;
			case "crash":
				await this.#crash();
				break;
			case "streamLost":
				this.store.streams.clear();
				break;
			case "watch":
				await (happening.on ? this.#beat() : this.backend.leave({ clientId: "page" })).catch(() => {});
				break;
		}
		await this.look();
	}

	/** What a reader sees now: no message both live and stored. */
	async look(): Promise<void> {
		await settle(2);
		this.watcher.look();
		const stored = this.store.sessions.has("session-1") ? this.store.read("session-1").join("\n") : "";
		for (const text of this.watcher.texts()) {
			const name = /^<\d+>/.exec(text)?.[0];
			if (name) expect(stored).not.toContain(name);
		}
	}

	async end(): Promise<void> {
		this.#finish();
		this.backend.fault = () => null;
		this.backend.connect({ kind: "connected" });
		this.session.user("last");
		this.current.sync.endRun();
		this.current.sync.wake();
		await this.current.clock.advance(200_000);
		await this.look();
	}

	#begin(): void {
		this.#finish();
		this.#said += 1;
		this.#open = `<${this.#said}>`;
		this.current.sync.op(["m", "assistant"]);
		this.current.sync.op(["t", 0, this.#open]);
	}

	#finish(): void {
		if (this.#open === null) return;
		this.current.sync.op(["e"]);
		this.current.sync.messageDone();
		this.session.assistant(this.#open);
		this.#open = null;
		this.current.sync.wake();
	}

	#failNext(faults: (Fault | null)[]): void {
		this.backend.fault = (call) => (call === "beat" || call === "leave" ? null : (faults.shift() ?? null));
	}

	/** The process is gone in mid-call; the next one begins with the file alone. The backend ends the old stream. */
	async #crash(): Promise<void> {
		void this.current.sync.dispose();
		this.#open = null;
		for (const stream of this.store.streams.values()) stream.ended = true;
		this.backend = new FakeBackend(this.store);
		this.current = this.#start();
	}

	async #beat(): Promise<void> {
		await this.backend.beat({
			clientId: "page",
			kind: "dashboard",
			sessionId: "session-1",
			watching: true,
			label: "",
		});
	}
}

for (const mode of ["always", "watched"] as const) {
	test(`whatever happens, the backend ends up with every entry once, in order (streaming ${mode})`, async () => {
		await fc.assert(
			fc.asyncProperty(happenings, async (list) => {
				const world = new World({ mode, intervalMs: 0 });
				for (const happening of list) await world.do(happening);
				await world.end();
				expect(world.store.read("session-1")).toEqual(world.session.lines());
				const seqs = world.store.session("session-1").entries.map(({ seq }) => seq);
				expect(seqs).toEqual(seqs.map((_, index) => index + 1));
				expect(world.store.session("session-1").leafId).toBe(world.session.leaf);
				expect(world.store.live("session-1")).toBeNull();
				expect(world.current.sync.state()).toMatchObject({ link: "live", queued: 0, parked: [] });
				await world.current.sync.dispose();
			}),
			runs(300),
		);
	}, 60_000);
}
