/**
 * Random trees, forks and removals against a model in which every session simply is a list of all the
 * entries that its file would hold. `FORKS_SEED` repeats a run, `FORKS_RUNS` makes it longer.
 */
import { expect } from "bun:test";
import fc from "fast-check";
import { api } from "../../convex/_generated/api.js";
import { type App, type Client, scenario } from "./app.ts";
import { answer, readAll, session, tell } from "./stories.ts";

type Node = { id: string; parentId: string | null };
/** `own` in order of arrival; `shared` from the root down. */
type Model = { own: Node[]; shared: Node[] };

type Step =
	| { kind: "start" }
	| { kind: "append"; session: number; on: number; count: number }
	| { kind: "fork"; session: number; at: number }
	| { kind: "remove"; session: number }
	| { kind: "step" }
	| { kind: "settle" };

const pick = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 1, arbitrary: fc.constant<Step>({ kind: "start" }) },
	{
		weight: 8,
		arbitrary: fc.record({
			kind: fc.constant("append" as const),
			session: pick,
			on: pick,
			count: fc.integer({ min: 1, max: 4 }),
		}),
	},
	{ weight: 8, arbitrary: fc.record({ kind: fc.constant("fork" as const), session: pick, at: pick }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), session: pick }) },
	{ weight: 3, arbitrary: fc.constant<Step>({ kind: "step" }) },
	{ weight: 1, arbitrary: fc.constant<Step>({ kind: "settle" }) },
);

class Story {
	readonly models = new Map<string, Model>();
	private made = 0;
	private readonly app: App;
	private readonly client: Client;
	constructor(app: App, client: Client) {
		this.app = app;
		this.client = client;
	}

	async play(one: Step): Promise<void> {
		if (one.kind === "settle") await this.app.settle();
		else if (one.kind === "step") await this.app.step();
		else if (one.kind === "start") await this.open({ own: [], shared: [] });
		else {
			const ids = [...this.models.keys()];
			const id = ids[one.session % Math.max(1, ids.length)];
			const model = id === undefined ? undefined : this.models.get(id);
			if (id === undefined || !model) return;
			if (one.kind === "append") await this.append(id, model, one.on, one.count);
			else if (one.kind === "fork") await this.fork(id, model, one.at);
			else await this.remove(id);
		}
	}

	private async open(
		model: Model,
		lineage?: { parentSessionId: string; forkEntryId: string },
	): Promise<void> {
		const id = `s${this.made++}`;
		this.models.set(id, model);
		await tell(this.client, session(id, lineage ? { lineage } : {}));
	}

	/** Mostly at the end, sometimes on any entry that there is. */
	private async append(id: string, model: Model, on: number, count: number): Promise<void> {
		const all = [...model.shared, ...model.own];
		let parentId = (on % 3 === 0 ? all[on % Math.max(1, all.length)] : all.at(-1))?.id ?? null;
		const added = Array.from({ length: count }, () => {
			const node = { id: `e${this.made++}`, parentId };
			parentId = node.id;
			return node;
		});
		const entries = added.map((node) => answer(node.id, node.parentId, node.id, 1));
		await this.client.mutation(api.entries.append, { sessionId: id, entries });
		model.own.push(...added);
	}

	private async fork(id: string, { shared, own }: Model, at: number): Promise<void> {
		const all = [...shared, ...own];
		const from = all[at % Math.max(1, all.length)];
		if (!from) return;
		const byId = new Map(all.map((node) => [node.id, node]));
		const way: Node[] = [];
		for (let node: Node | undefined = from; node; node = node.parentId ? byId.get(node.parentId) : undefined)
			way.unshift(node);
		await this.open({ own: [], shared: way }, { parentSessionId: id, forkEntryId: from.id });
	}

	private async remove(id: string): Promise<void> {
		this.models.delete(id);
		await this.client.mutation(api.sessions.remove, { sessionId: id });
	}

	async expectAllReadWhole(): Promise<void> {
		for (const [id, { shared, own }] of this.models) {
			const read = (await readAll(this.client, id, 7))
				.reverse()
				.map(({ entryId, parentId }) => ({ id: entryId, parentId }));
			expect({ id, read }).toEqual({ id, read: [...shared, ...own] });
		}
	}

	/** Every entry that somebody still reads is stored, and counted, once. */
	async expectEachCountedOnce(): Promise<void> {
		const ids = new Set(
			[...this.models.values()].flatMap(({ shared, own }) => [...shared, ...own].map((node) => node.id)),
		);
		const views = await Promise.all(
			[...this.models.keys()].map((sessionId) => this.client.query(api.sessions.get, { sessionId })),
		);
		expect(views.reduce((sum, view) => sum + (view?.tokens.input ?? 0), 0)).toBe(ids.size);
		for (const table of ["entries", "bodies"]) {
			const rows = await this.app.runner.rows(table);
			expect({ table, rows }).toEqual({ table, rows: ids.size });
		}
	}
}

const SEED = Number(process.env.FORKS_SEED ?? 20260102);
const RUNS = Number(process.env.FORKS_RUNS ?? 8);
const stories = fc.sample(fc.array(step, { minLength: 25, maxLength: 50, size: "max" }), {
	seed: SEED,
	numRuns: RUNS,
});

for (const [index, steps] of stories.entries()) {
	scenario(
		`whatever is appended, forked and removed, every fork reads whole and counts once (story ${index + 1})`,
		async (app) => {
			const story = new Story(app, await app.signIn());
			await story.play({ kind: "start" });
			for (const one of steps) {
				await story.play(one);
				if (["remove", "step", "settle"].includes(one.kind)) await story.expectAllReadWhole();
			}
			await app.settle();
			await story.expectAllReadWhole();
			await story.expectEachCountedOnce();
			// Which fork gets what depends on how far a removal has come when the next one begins.
			app.forget();
		},
	);
}
