/**
 * Terminals that take turns at one session: one run at a time, every prompt run once or given back to who
 * typed it, and everybody with the same entries, the same context and the same screen in the end. Everything
 * of ours is real; Pi, the backend and the network are models.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { runs } from "../support/arbitraries.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FakeLiveStore } from "../support/fake-live-backend.ts";
import { FakeSession } from "../support/fake-session.ts";
import { drawn } from "../support/follow-screen.ts";
import { ModelTerminal } from "../support/model-terminal.ts";

const SESSION = "session-1";

type Happening =
	| { kind: "type"; at: number }
	| { kind: "steps"; at: number; count: number }
	| { kind: "time"; ms: number }
	| { kind: "cut"; at: number }
	| { kind: "mend"; at: number };

const at = fc.nat(1);
export const together: fc.Arbitrary<Happening> = fc.oneof(
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant("type" as const), at }) },
	{
		weight: 5,
		arbitrary: fc.record({ kind: fc.constant("steps" as const), at, count: fc.integer({ min: 1, max: 8 }) }),
	},
	{
		weight: 3,
		arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(0, 1, 10, 300, 4_000) }),
	},
);

export class World {
	readonly clock = new FakeClock();
	readonly store = new FakeLiveStore(this.clock);
	readonly terminals: ModelTerminal[] = [];
	readonly typed: { text: string; by: ModelTerminal }[] = [];

	static async begin(count: number): Promise<World> {
		const world = new World();
		const before = new FakeSession(SESSION);
		before.user("before");
		before.assistant("answered");
		for (let index = 0; index < count; index += 1) {
			const name = "abc"[index] as string;
			world.terminals.push(new ModelTerminal(name, world.store, SESSION, before.list, index > 0));
			await world.clock.advance(700);
		}
		return world;
	}

	async do(happening: Happening): Promise<void> {
		if (happening.kind === "time") return await this.clock.advance(happening.ms);
		const terminal = this.terminals[happening.at] as ModelTerminal;
		switch (happening.kind) {
			case "type": {
				const text = `prompt ${this.typed.length + 1} of ${terminal.name}`;
				this.typed.push({ text, by: terminal });
				terminal.type(text);
				await settle(2);
				return;
			}
			case "steps":
				for (let step = 0; step < happening.count && terminal.step(); step += 1) await settle(2);
				return;
			case "cut":
				terminal.backend.connect({ kind: "offline", reason: "No network." });
				return;
			case "mend":
				terminal.backend.connect({ kind: "connected" });
				await settle(2);
		}
	}

	get running(): ModelTerminal[] {
		return this.terminals.filter(({ session }) => session.isRunning);
	}

	/** Everything comes to an end. */
	async end(): Promise<void> {
		for (const { backend } of this.terminals) backend.connect({ kind: "connected" });
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

test("whoever types, one terminal runs at a time, every prompt once, and all have the same in the end", async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(together, { maxLength: 25 }), async (happenings) => {
			const world = await World.begin(2);
			for (const happening of happenings) {
				await world.do(happening);
				expect(world.running.length).toBeLessThanOrEqual(1);
			}
			await world.end();
			expect(world.running).toEqual([]);
			const lines = world.store.read(SESSION);
			for (const terminal of world.terminals) {
				expect(terminal.entries().map((entry) => JSON.stringify(entry))).toEqual(lines);
				expect(terminal.screen.rows).toEqual(drawn(terminal.entries()));
				expect(terminal.screen.working).toBe(false);
				expect(terminal.manager.getLeafId()).toBe(world.store.session(SESSION).leafId);
				expect(terminal.log).toEqual([]);
			}
			const said = world.said();
			for (const { text, by } of world.typed) {
				const times = said.filter((one) => one === text).length;
				expect([text, times, by.editor.includes(text)]).toEqual([text, times === 0 ? 0 : 1, times === 0]);
			}
			expect(world.store.held(SESSION)).toBeNull();
			expect(world.store.live(SESSION)).toBeNull();
			await world.close();
		}),
		runs(60),
	);
}, 60_000);
