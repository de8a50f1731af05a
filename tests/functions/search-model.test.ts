/**
 * Random appends, forks and removals while what is scheduled runs now or later: in the end every entry that
 * can be read can be found, once, where it is, and nothing else is left. `SEARCH_SEED` repeats a run.
 */
import { expect } from "bun:test";
import fc from "fast-check";
import { api } from "../../convex/_generated/api.js";
import { type App, type Client, scenario } from "./app.ts";
import { idsOf, readAll, session, talk, tell } from "./stories.ts";

type Step =
	| { kind: "start" }
	| { kind: "append"; on: number; count: number }
	| { kind: "fork"; on: number; at: number; count: number }
	| { kind: "remove"; on: number }
	| { kind: "sweep" }
	| { kind: "wait"; ms: number };

const pick = fc.nat({ max: 1000 });
const count = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 2, arbitrary: fc.constant<Step>({ kind: "start" }) },
	{ weight: 8, arbitrary: fc.record({ kind: fc.constant("append" as const), on: pick, count }) },
	{ weight: 6, arbitrary: fc.record({ kind: fc.constant("fork" as const), on: pick, at: pick, count }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), on: pick }) },
	{ weight: 1, arbitrary: fc.constant<Step>({ kind: "sweep" }) },
	{
		weight: 6,
		arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 100, 250, 251, 3000) }),
	},
);

class Story {
	readonly live: string[] = [];
	#made = 0;
	readonly #app: App;
	readonly #client: Client;

	constructor(app: App, client: Client) {
		this.#app = app;
		this.#client = client;
	}

	async play(one: Step): Promise<void> {
		if (one.kind === "wait") return await this.#app.pass(one.ms);
		if (one.kind === "start" || this.live.length === 0) return await this.#open({}, null, 2);
		if (one.kind === "sweep") {
			await this.#app.runner.run("mutation", "passages:sweep", {});
			return;
		}
		const id = this.live[one.on % this.live.length] as string;
		const ids = (await readAll(this.#client, id)).map(({ entryId }) => entryId);
		if (one.kind === "append")
			await tell(this.#client, session(id), this.#talk(one.count, ids.at(-1) ?? null));
		if (one.kind === "remove") {
			this.live.splice(this.live.indexOf(id), 1);
			await this.#client.mutation(api.sessions.remove, { sessionId: id });
		}
		if (one.kind !== "fork" || ids.length === 0) return;
		const forkEntryId = ids[one.at % ids.length] as string;
		await this.#open({ lineage: { parentSessionId: id, forkEntryId } }, forkEntryId, one.count);
	}

	async #open(extra: object, parentId: string | null, size: number): Promise<void> {
		this.#made += 1;
		const id = `s${this.#made}`;
		this.live.push(id);
		await tell(this.#client, session(id, extra), this.#talk(size, parentId));
	}

	#talk(size: number, parentId: string | null) {
		const ids = Array.from({ length: size }, () => {
			this.#made += 1;
			return `e${this.#made}`;
		});
		return talk(ids, parentId);
	}

	/** Entries that a search gives, sorted. */
	async found(sessionId?: string): Promise<string[]> {
		const wanted = sessionId === undefined ? {} : { sessionId };
		const { hits } = await this.#client.query(api.search.passages, {
			...{ query: "text", limit: 100, cursor: null },
			...wanted,
		});
		return hits.map(({ entryId }) => entryId).sort();
	}
}

const seed = Number(process.env.SEARCH_SEED ?? 20_261_121);
const stories = fc.sample(fc.array(step, { minLength: 5, maxLength: 22 }), { numRuns: 10, seed });

for (const [index, steps] of stories.entries()) {
	scenario(
		`whatever is appended, forked and removed, all is found that is there (story ${index + 1})`,
		async (app) => {
			const client = await app.signIn();
			const story = new Story(app, client);
			for (const one of steps) await story.play(one);
			app.forget();
			for (let round = 0; round < 3; round++) {
				await app.advance(4000);
				await app.settle();
			}
			const all = new Set<string>();
			for (const id of story.live) {
				const ids = (await idsOf(client, id)).split(" ").filter((one) => one !== "");
				expect({ id, found: await story.found(id) }).toEqual({ id, found: ids.toSorted() });
				for (const one of ids) all.add(one);
			}
			expect(await story.found()).toEqual([...all].sort());
			expect(await app.runner.rows("passages")).toBe(await app.runner.rows("entries"));
			expect(await app.runner.rows("searchCursors")).toBe(await app.runner.rows("sessions"));
			app.forget();
		},
	);
}
