/** Terminals at one session, in a time that stands still, and what may happen to them. */
import fc from "fast-check";
import type { SourceEntry } from "../../src/sync/ports.ts";
import type { Fault } from "./fake-backend.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakeLiveStore } from "./fake-live-backend.ts";
import { FakeSession } from "./fake-session.ts";
import { ModelTerminal } from "./model-terminal.ts";

export const SESSION = "session-1";

export type Happening =
	| { kind: "type"; at: number }
	| { kind: "steps"; at: number; count: number }
	| { kind: "time"; ms: number }
	/** Two press Enter at once. */
	| { kind: "both" }
	| { kind: "escape"; at: number }
	| { kind: "name" | "remark"; at: number }
	| { kind: "move"; at: number; back: number }
	/** One more terminal opens the session, with the file as the first one has it. */
	| { kind: "join" }
	| { kind: "cut"; at: number }
	| { kind: "mend"; at: number }
	/** Calls of a terminal that fail, or whose answers are lost. */
	| { kind: "faults"; at: number; next: (Fault | null)[] }
	/** From now on each call of a terminal takes that long to arrive. */
	| { kind: "slow"; at: number; ms: number }
	/** What is new waits on its way to a terminal, until that hears again. */
	| { kind: "deaf" | "hear"; at: number }
	/** The process is gone: nothing of it is given back. */
	| { kind: "kill"; at: number };

const at = fc.nat(2);
const harmless: { weight: number; arbitrary: fc.Arbitrary<Happening> }[] = [
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant("type" as const), at }) },
	{ weight: 1, arbitrary: fc.constant({ kind: "both" as const }) },
	{
		weight: 5,
		arbitrary: fc.record({ kind: fc.constant("steps" as const), at, count: fc.integer({ min: 1, max: 8 }) }),
	},
	{
		weight: 3,
		arbitrary: fc.record({
			kind: fc.constant("time" as const),
			ms: fc.constantFrom(0, 1, 10, 300, 4_000, 12_000),
		}),
	},
];
/** Nothing goes wrong. */
export const together: fc.Arbitrary<Happening> = fc.oneof(...harmless);
/** Somebody presses Escape now and then. */
export const restless: fc.Arbitrary<Happening> = fc.oneof(...harmless, {
	weight: 1,
	arbitrary: fc.record({ kind: fc.constant("escape" as const), at }),
});
/** The session is named, somebody goes back in its tree, somebody comes. */
export const lively: fc.Arbitrary<Happening> = fc.oneof(
	...harmless,
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("name" as const), at }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("remark" as const), at }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("move" as const), at, back: fc.nat(2) }) },
	{ weight: 1, arbitrary: fc.constant({ kind: "join" as const }) },
);
/** Some are far away. */
export const distant: fc.Arbitrary<Happening> = fc.oneof(
	...harmless,
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("name" as const), at }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("escape" as const), at }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("remark" as const), at }) },
	{
		weight: 2,
		arbitrary: fc.record({ kind: fc.constant("slow" as const), at, ms: fc.constantFrom(0, 3, 40, 400) }),
	},
	{ weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("deaf" as const, "hear" as const), at }) },
);
/** Links are cut, calls fail, answers are lost. */
export const apart: fc.Arbitrary<Happening> = fc.oneof(
	...harmless,
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), at }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("mend" as const), at }) },
	{
		weight: 2,
		arbitrary: fc.record({
			kind: fc.constant("faults" as const),
			at,
			next: fc.array(fc.constantFrom(null, "lost" as const, "unanswered" as const), { maxLength: 3 }),
		}),
	},
);
/** Processes are killed besides. */
export const deadly: fc.Arbitrary<Happening> = fc.oneof(...harmless, {
	weight: 1,
	arbitrary: fc.record({ kind: fc.constant("kill" as const), at }),
});

/** Without them nobody is seen, which is another story. */
const SPARED = new Set<string>(["beat", "leave"]);

export class HandOverWorld {
	readonly clock = new FakeClock();
	readonly store = new FakeLiveStore(this.clock);
	readonly terminals: ModelTerminal[] = [];
	readonly dead: ModelTerminal[] = [];
	#names = 0;
	readonly typed: { text: string; by: ModelTerminal }[] = [];

	static async begin(count: number): Promise<HandOverWorld> {
		const world = new HandOverWorld();
		const before = new FakeSession(SESSION);
		before.user("before");
		before.assistant("answered");
		for (let index = 0; index < count; index += 1) {
			world.#join(before.list);
			await world.clock.advance(700);
		}
		return world;
	}

	async do(happening: Happening): Promise<void> {
		if (happening.kind === "time") return await this.clock.advance(happening.ms);
		if (happening.kind === "both") {
			for (const terminal of this.terminals.slice(0, 2)) this.#type(terminal);
			return await settle(2);
		}
		if (happening.kind === "join") {
			if (this.terminals.length < 3) this.#join(this.terminals[0]?.entries() ?? []);
			return await settle(2);
		}
		const terminal = this.terminals[happening.at % this.terminals.length];
		if (!terminal) return;
		switch (happening.kind) {
			case "type":
				this.#type(terminal);
				return await settle(2);
			case "steps":
				for (let step = 0; step < happening.count && terminal.step(); step += 1) await settle(2);
				return;
			case "name":
				this.#names += 1;
				terminal.nameSession(`name ${this.#names}`);
				return await settle(2);
			case "remark":
				this.#names += 1;
				terminal.remark(`remark ${this.#names}`);
				return await settle(2);
			case "move":
				terminal.move(happening.back);
				return await settle(2);
			case "escape":
				terminal.escape();
				return await settle(2);
			case "cut":
				terminal.backend.connect({ kind: "offline", reason: "No network." });
				return;
			case "mend":
				terminal.backend.connect({ kind: "connected" });
				return await settle(2);
			case "faults": {
				const faults = [...happening.next];
				terminal.backend.fault = (call) => (SPARED.has(call) ? null : (faults.shift() ?? null));
				return;
			}
			case "slow": {
				const { ms } = happening;
				terminal.backend.delay =
					ms === 0 ? null : () => new Promise((resolve) => void this.clock.after(ms, resolve));
				return;
			}
			case "deaf":
				terminal.backend.auto = false;
				return;
			case "hear":
				terminal.backend.auto = true;
				terminal.backend.deliver();
				return await settle(2);
			case "kill":
				if (this.terminals.length === 1) return;
				this.terminals.splice(this.terminals.indexOf(terminal), 1);
				this.dead.push(terminal);
				await terminal.kill();
		}
	}

	#join(entries: readonly SourceEntry[]): void {
		const name = "abc"[this.terminals.length] as string;
		this.terminals.push(new ModelTerminal(name, this.store, SESSION, entries, name !== "a"));
	}

	#type(terminal: ModelTerminal): void {
		const text = `prompt ${this.typed.length + 1} of ${terminal.name}`;
		this.typed.push({ text, by: terminal });
		terminal.type(text);
	}

	get running(): ModelTerminal[] {
		return this.terminals.filter(({ session }) => session.isRunning);
	}

	/** Everything comes to an end. */
	async end(): Promise<void> {
		for (const { backend } of this.terminals) {
			backend.fault = () => null;
			backend.delay = null;
			backend.auto = true;
			backend.deliver();
			backend.connect({ kind: "connected" });
		}
		for (let round = 0, quiet = 0; round < 200 && quiet < 4; round += 1) {
			let stepped = false;
			for (const terminal of this.terminals)
				for (let step = 0; step < 10 && terminal.step(); step += 1) {
					stepped = true;
					await settle(1);
				}
			await this.clock.advance(stepped ? 50 : 4_000);
			quiet = stepped ? 0 : quiet + 1;
		}
	}

	/** User messages of the session, as the backend has them. */
	said(): string[] {
		return this.store.read(SESSION).flatMap((line) => {
			const { message } = JSON.parse(line) as { message?: { role: string; content: { text: string }[] } };
			return message?.role === "user" ? [message.content[0]?.text ?? ""] : [];
		});
	}

	async close(): Promise<void> {
		for (const { shared, sync } of this.terminals) {
			await shared.stop();
			await sync.dispose();
		}
	}
}
