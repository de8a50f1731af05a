/**
 * Random stories of two or three real Pis at one session: prompts, Escape, names, moves in the tree, processes
 * that are stopped for a while, a backend that is killed and comes back. In the end every file has the same
 * entries, every screen shows the same, and each prompt is in the session or back in an editor, once.
 *
 * Not part of `npm test`: a story takes some ten seconds. `npm run soak`; SOAK_STORIES: how many (10); SOAK_SEED:
 * of the first one (random; printed); SOAK_VERSIONS: of the first terminal and of the others.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { editorText, type PiTerminal, readSession } from "../support/pi-terminal.ts";
import type { ModelRequest } from "../support/scripted-model.ts";
import { isWorking, SharedSetup, VERSION_PAIRS } from "../support/shared-setup.ts";
import { waitFor } from "../support/wait-for.ts";

type Happening =
	| { kind: "type"; at: number; followUp: boolean }
	| { kind: "say"; what: "thinking" | "text" | "tool" | "end" | "fail" }
	| { kind: "escape" | "name" | "custom" | "tree"; at: number }
	| { kind: "stop"; at: number; ms: number }
	| { kind: "outage"; ms: number }
	| { kind: "wait"; ms: number };

const at = fc.nat(2);
const story: fc.Arbitrary<Happening[]> = fc.array(
	fc.oneof(
		{
			weight: 8,
			arbitrary: fc.record({ kind: fc.constant("type" as const), at, followUp: fc.boolean() }),
		},
		{
			weight: 9,
			arbitrary: fc.record({
				kind: fc.constant("say" as const),
				what: fc.constantFrom("thinking", "text", "text", "tool", "end", "end", "fail"),
			}) as fc.Arbitrary<Happening>,
		},
		{
			weight: 6,
			arbitrary: fc.record({
				kind: fc.constantFrom("escape", "name", "custom", "tree"),
				at,
			}) as fc.Arbitrary<Happening>,
		},
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const), at, ms: fc.nat(3_000) }) },
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant("outage" as const), ms: fc.nat(2_000) }) },
		{ weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(400) }) },
	),
	{ minLength: 12, maxLength: 16 },
);

/** What is a terminal's own: notices, what Pi answers to commands, what waits. */
const OWN =
	/OpenSync: |and is sent when|Extension .command|^ tree\.|Session name|^ *$|Nothing to|[Aa]borted|Steering:|Follow-up:|↳|to edit all queued/;
/** Escape and what is typed within this time are one key to Pi. */
const ESCAPE_MS = 700;
const QUIET_MS = 1_200;

class Stage {
	readonly #shared: SharedSetup;
	readonly #terminals: PiTerminal[];
	readonly #open: ModelRequest[] = [];
	readonly typed: string[] = [];
	#words = 0;
	#stopped = false;
	readonly #taking: Promise<void>;

	constructor(shared: SharedSetup, terminals: PiTerminal[]) {
		this.#shared = shared;
		this.#terminals = terminals;
		shared.ignored = OWN;
		this.#taking = this.#take();
	}

	async play(happening: Happening): Promise<void> {
		if (happening.kind === "wait") return await Bun.sleep(happening.ms);
		if (happening.kind === "say") return this.#say(happening.what);
		if (happening.kind === "outage") {
			const { stack } = this.#shared.live;
			await stack.kill();
			await Bun.sleep(happening.ms);
			return await stack.up();
		}
		const terminal = this.#terminals[happening.at % this.#terminals.length] as PiTerminal;
		switch (happening.kind) {
			case "type": {
				const text = `zp${String.fromCharCode(97 + this.typed.length)}q`;
				this.typed.push(text);
				return await this.#enter(terminal, text, happening.followUp ? "M-Enter" : "Enter");
			}
			case "escape":
				await terminal.press("Escape");
				return await Bun.sleep(ESCAPE_MS);
			case "stop": {
				const pid = await terminal.pid();
				process.kill(pid, "SIGSTOP");
				await Bun.sleep(happening.ms);
				process.kill(pid, "SIGCONT");
				return;
			}
			default: {
				if (editorText(await terminal.screen()).trim() !== "") return;
				const commands = {
					name: `/name name ${this.#words}`,
					custom: `/test:custom ${this.#words}`,
					tree: "/test:tree",
				};
				await this.#enter(terminal, commands[happening.kind], "Enter");
			}
		}
	}

	/** Everything is answered, and everybody is level. */
	async end(): Promise<void> {
		for (let quietSince = Date.now(); Date.now() - quietSince < QUIET_MS; await Bun.sleep(100)) {
			if (this.#open.length > 0) quietSince = Date.now();
			this.#say("end");
		}
		for (const terminal of this.#terminals)
			await terminal.waitFor((screen) => !isWorking(screen), "the end of all runs", 20_000);
		await this.#shared.expectSameFiles();
		await this.#shared.expectSameScreens();
		const prompts = readSession(this.#shared.file)
			.entries.map((entry) => JSON.stringify(entry))
			.filter((line) => line.includes('"role":"user"'));
		const editors = await Promise.all(this.#terminals.map(async (one) => editorText(await one.screen())));
		const counts = this.typed.map((text) => [
			text,
			[...prompts, ...editors].filter((one) => one.includes(text)).length,
		]);
		expect(counts).toEqual(this.typed.map((text) => [text, 1]));
	}

	async close(): Promise<void> {
		this.#stopped = true;
		await this.#taking;
	}

	async #enter(terminal: PiTerminal, text: string, key: string): Promise<void> {
		await terminal.type(text);
		await waitFor(async () => editorText(await terminal.screen()).includes(text), `"${text}"`).catch(
			() => {},
		);
		await terminal.press(key);
	}

	#say(what: Extract<Happening, { kind: "say" }>["what"]): void {
		const request = this.#open[0];
		if (!request) return;
		this.#words += 1;
		const word = `word${this.#words} `;
		if (what === "thinking" || what === "text") return void request[what](word);
		this.#open.shift();
		if (what === "fail") return request.text("half").fail("400 invalid request: nothing helps");
		if (what === "tool") request.tool("bash", { command: `echo ${word}; sleep 0.2; echo done` }).finish();
		else request.text(word).finish();
	}

	async #take(): Promise<void> {
		while (!this.#stopped) {
			const request = await this.#shared.live.model.next(300).catch(() => null);
			if (request) this.#open.push(request);
		}
	}
}

const { SOAK_STORIES = "10", SOAK_SEED, SOAK_VERSIONS } = process.env;
const first = SOAK_SEED ? Number(SOAK_SEED) : Math.floor(Math.random() * 1e6);
const pairs = VERSION_PAIRS.filter((pair) => !SOAK_VERSIONS || pair.join() === SOAK_VERSIONS);

describe("random stories", () => {
	for (let seed = first; seed < first + Number(SOAK_STORIES); seed += 1) {
		const pair = pairs[seed % pairs.length] as (typeof VERSION_PAIRS)[number];
		test(`seed ${seed}, Pi ${pair.join(" and ")}`, async () => {
			const [happenings = []] = fc.sample(story, { seed, numRuns: 1 });
			const shared = await SharedSetup.start(pair);
			const terminals = [shared.a, await shared.join(), ...(seed % 2 ? [await shared.join()] : [])];
			const stage = new Stage(shared, terminals);
			try {
				for (const happening of happenings) await stage.play(happening);
				await stage.end();
			} catch (error) {
				console.log(happenings.map((one) => JSON.stringify(one)).join("\n"));
				throw error;
			} finally {
				await stage.close();
				await shared.tearDown();
			}
		}, 180_000);
	}
});
