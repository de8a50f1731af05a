/**
 * Whatever goes wrong on the way to a hosted OpenSync, and however often the terminal dies: in the end every
 * message is there once, with its final content and its own date, in order, and the session's numbers are
 * those of its entries; at most a message at which the server failed again and again needs to be asked for.
 * What waits is noted until it has arrived.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { unsentSessions } from "../../src/backend/opensync-journal.ts";
import type { RecordSync } from "../../src/sync/record-contract.ts";
import { FakeSession } from "../support/fake-session.ts";
import type { Fault } from "../support/hosted-opensync.ts";
import { RecordSetup, textsOf } from "../support/record-setup.ts";

type Act =
	| { kind: "say"; who: "user" | "assistant" | "label" }
	| { kind: "fault"; fault: Fault; count: number }
	| { kind: "pass"; ms: number }
	| { kind: "crash" | "restart" | "away" | "back" | "runBegins" | "runEnds" | "resync" };

const fault: fc.Arbitrary<Fault> = fc.constantFrom<Fault>(
	{ kind: "cut" },
	{ kind: "lostReply" },
	{ kind: "malformed" },
	{ kind: "status", status: 503 },
	{ kind: "status", status: 500, body: { error: "Server Error" } },
	{ kind: "status", status: 429, headers: { "Retry-After": "3" } },
);
const act: fc.Arbitrary<Act> = fc.oneof(
	{
		weight: 6,
		arbitrary: fc.record({
			kind: fc.constant("say" as const),
			who: fc.constantFrom("user", "assistant", "label"),
		}),
	},
	{
		weight: 3,
		arbitrary: fc.record({
			kind: fc.constant("fault" as const),
			fault,
			count: fc.integer({ min: 1, max: 4 }),
		}),
	},
	{
		weight: 4,
		arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 300, 2_000, 12_000) }),
	},
	{
		weight: 3,
		arbitrary: fc
			.constantFrom("crash", "restart", "away", "back", "runBegins", "runEnds", "resync")
			.map((kind) => ({ kind })),
	},
) as fc.Arbitrary<Act>;

class World {
	readonly setup: RecordSetup;
	readonly session = new FakeSession("session-of-the-story");
	sync: RecordSync;
	#isAway = false;

	constructor(setup: RecordSetup) {
		this.setup = setup;
		this.sync = setup.record(this.session);
	}

	async do(one: Act): Promise<void> {
		switch (one.kind) {
			case "say":
				this.#say(one.who);
				return this.sync.wake();
			case "fault":
				return this.setup.hosted.failNext(one.fault, one.count);
			case "pass":
				return await this.setup.pass(one.ms);
			case "crash":
				// The old one is gone in the middle of whatever it did, without a word.
				this.setup.kill(this.sync);
				this.sync = this.setup.record(this.session);
				return;
			case "restart":
				await this.sync.dispose();
				this.sync = this.setup.record(this.session);
				return;
			case "away":
				if (!this.#isAway) await this.setup.hosted.down();
				this.#isAway = true;
				return;
			case "back":
				if (this.#isAway) await this.setup.hosted.up();
				this.#isAway = false;
				return;
			case "runBegins":
				return this.sync.beginRun();
			case "runEnds":
				return this.sync.endRun();
			case "resync":
				void this.sync.resync();
		}
	}

	#say(who: "user" | "assistant" | "label"): void {
		const count = this.session.list.length;
		if (who === "user") this.session.user(`prompt ${count}`);
		else if (who === "label") this.session.add("label", { label: `l${count}` });
		else
			this.session.add("message", {
				message: {
					role: "assistant",
					content: [{ type: "text", text: `answer ${count}` }],
					usage: { input: 1, output: 2, cost: { total: 0.5 } },
				},
			});
	}

	async expectWhole(): Promise<void> {
		const { hosted, folder } = this.setup;
		await this.do({ kind: "back" });
		hosted.setFault(null);
		hosted.forgetFaults();
		this.sync.endRun();
		await this.setup.pass(30 * 60_000);
		if (this.sync.state().parked.length > 0) {
			const report = this.sync.resync();
			await this.setup.pass(60_000);
			expect(await report).toMatchObject({ kind: "done", parked: 0 });
		}
		const said = this.session.list.filter(({ type }) => type === "message");
		const told = hosted.messagesOf(this.session.sessionId);
		expect(told.map(({ externalId, createdAt, parts }) => [externalId, createdAt, textsOf(parts)])).toEqual(
			said.map((entry) => [
				`pi:${this.session.sessionId}:${entry.id}`,
				Date.parse(entry.timestamp),
				(entry.message as { content: { text: string }[] }).content.map(({ text }) => text),
			]),
		);
		const answers = said.filter((entry) => (entry.message as { role: string }).role === "assistant").length;
		if (said.length > 0) {
			const stored = hosted.session(this.session.sessionId);
			expect(stored).toMatchObject({
				messageCount: said.length,
				promptTokens: answers,
				completionTokens: 2 * answers,
			});
			expect(stored?.cost).toBe(0.5 * answers);
		}
		expect(this.sync.state()).toMatchObject({ link: "recording", parked: [] });
		expect(await unsentSessions(folder, hosted.siteUrl)).toEqual([]);
	}
}

test("every message arrives once and whole, whatever fails on the way", async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(act, { minLength: 3, maxLength: 25 }), async (story) => {
			const setup = await RecordSetup.start();
			try {
				const world = new World(setup);
				for (const one of story) await world.do(one);
				await world.expectWhole();
			} finally {
				await setup.stop();
			}
		}),
		{ seed: 20_261_121, numRuns: 120 },
	);
}, 120_000);
