/** Dialogs of extensions at two terminals: the first answer counts, the others close (C3). */
import { expect, test } from "bun:test";
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { PiInternals } from "../../../src/extension/pi-internals.ts";
import { SharedDialogs } from "../../../src/extension/shared-dialogs.ts";
import { BackendError } from "../../../src/sync/ports.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { FakeLiveBackend, FakeLiveStore } from "../../support/fake-live-backend.ts";
import { DESCRIPTION } from "../../support/sync-harness.ts";

type Open = { kind: string; args: unknown[]; answer: (value: unknown) => void };
type Ui = Record<"select" | "confirm" | "input" | "editor", (...args: unknown[]) => Promise<unknown>>;

/** Pi's dialogs: open until answered, or until their signal closes them. */
class FakeUi {
	readonly open: Open[] = [];
	readonly ui = Object.fromEntries(
		(["select", "confirm", "input", "editor"] as const).map((kind) => [
			kind,
			(...args: unknown[]) => this.#show(kind, args),
		]),
	) as Ui;

	#show(kind: string, args: unknown[]): Promise<unknown> {
		return new Promise((resolve) => {
			const one: Open = {
				kind,
				args,
				answer: (value) => {
					if (this.open.includes(one)) this.open.splice(this.open.indexOf(one), 1);
					resolve(value);
				},
			};
			this.open.push(one);
			const { signal } = (args.at(-1) ?? {}) as { signal?: AbortSignal };
			const close = () => one.answer(kind === "confirm" ? false : undefined);
			if (signal?.aborted) close();
			else signal?.addEventListener?.("abort", close);
		});
	}

	escapes = 0;

	/** As Pi's editor, which has no signal. */
	pressEscape(): void {
		this.escapes += 1;
		this.open.at(-1)?.answer(undefined);
	}
}

async function world() {
	const store = new FakeLiveStore();
	await new FakeLiveBackend(store).openSession({ ...DESCRIPTION, sessionId: "s", header: null });
	const clock = new FakeClock();
	let ids = 0;
	const terminal = (
		terminalId: string,
		options: { shared?: boolean; readOnly?: boolean; mode?: string } = {},
	) => {
		const backend = new FakeLiveBackend(store);
		const screen = new FakeUi();
		const log: string[] = [];
		const told: string[] = [];
		const state = { shared: options.shared ?? true };
		const original = { ...screen.ui };
		const dialogs = new SharedDialogs({
			backend,
			ctx: { ui: screen.ui, mode: options.mode ?? "tui" } as unknown as ExtensionContext,
			internals: { ui: screen.ui, pressEscape: () => screen.pressEscape() } as unknown as PiInternals,
			...{ sessionId: "s", terminalId },
			newId: () => {
				ids += 1;
				return `question-${ids}`;
			},
			clock,
			isShared: () => state.shared,
			readOnly: () => options.readOnly ?? false,
			tell: (text) => told.push(text),
			log: (line) => log.push(line),
		});
		return { backend, dialogs, screen, open: screen.open, ui: screen.ui, original, log, told, state };
	};
	return { store, clock, a: terminal("a"), b: terminal("b"), terminal };
}

test("a question is shown everywhere, and the first answer is the answer", async () => {
	const { store, a, b, terminal } = await world();
	const c = terminal("c");
	const answer = a.ui.select("Which?", ["one", "two"]);
	await settle();
	expect(b.open).toMatchObject([{ kind: "select", args: ["Which?", ["one", "two"], {}] }]);
	b.open[0]?.answer("two");
	expect(await answer).toBe("two");
	await settle();
	expect([a.open, b.open, c.open]).toEqual([[], [], []]);
	expect(store.questions.size).toBe(0);
});

test("answered where it was asked, it closes elsewhere", async () => {
	const { store, a, b } = await world();
	const answer = a.ui.confirm("Sure?", "really");
	await settle();
	expect(b.open).toMatchObject([{ kind: "confirm", args: ["Sure?", "really", {}] }]);
	a.open[0]?.answer(true);
	expect(await answer).toBe(true);
	await settle();
	expect(b.open).toEqual([]);
	expect(store.questions.size).toBe(0);
});

test("each kind comes back as Pi gives it", async () => {
	const { a, b } = await world();
	const asked = async (ask: () => Promise<unknown>, given: unknown) => {
		const answer = ask();
		await settle();
		b.open[0]?.answer(given);
		const got = await answer;
		await settle();
		return got;
	};
	expect(await asked(() => a.ui.confirm("?", ""), true)).toBe(true);
	expect(await asked(() => a.ui.confirm("?", ""), false)).toBe(false);
	expect(await asked(() => a.ui.input("?", "hint"), "text")).toBe("text");
	expect(await asked(() => a.ui.input("?"), "")).toBe("");
	expect(await asked(() => a.ui.select("?", ["x"]), undefined)).toBeUndefined();
	expect(await asked(() => a.ui.editor("?", "prefill"), "edited\n")).toBe("edited\n");
	expect(a.open).toEqual([]);
});

test("an editor elsewhere closes with a key, for Pi gives no other way", async () => {
	const { a, b } = await world();
	const answer = a.ui.editor("?", "prefill");
	await settle();
	expect(b.open).toMatchObject([{ kind: "editor", args: ["?", "prefill"] }]);
	a.open[0]?.answer("mine");
	expect(await answer).toBe("mine");
	await settle();
	expect(b.open).toEqual([]);
});

test("an extension that gives its dialog up closes it everywhere", async () => {
	const { a, b } = await world();
	const controller = new AbortController();
	const answer = a.ui.input("?", undefined, { signal: controller.signal });
	await settle();
	expect(b.open).toHaveLength(1);
	controller.abort();
	expect(await answer).toBeUndefined();
	await settle();
	expect([a.open, b.open]).toEqual([[], []]);
});

test("one that was given up before it was asked is not shown for long", async () => {
	const { a, b } = await world();
	expect(await a.ui.input("?", undefined, { signal: AbortSignal.abort() })).toBeUndefined();
	await settle();
	expect(b.open).toEqual([]);
});

test("without a backend the dialog is answered here", async () => {
	const { a } = await world();
	a.backend.connect({ kind: "offline", reason: "No network." });
	const answer = a.ui.select("?", ["x"]);
	await settle();
	a.open[0]?.answer("x");
	expect(await answer).toBe("x");
	expect(a.log).toHaveLength(1);
});

test("alone, or for our own dialogs, nobody else is asked", async () => {
	const { store, terminal } = await world();
	const alone = terminal("alone", { shared: false });
	void alone.ui.select("?", ["x"]);
	const d = terminal("d");
	void d.dialogs.privately(() => d.ui.select("?", ["x"]));
	await settle();
	expect(store.questions.size).toBe(0);
	void d.ui.select("?", ["x"]);
	await settle();
	expect(store.questions.size).toBe(1);
});

test("who only looks on, or has no screen, is not asked", async () => {
	const { a, terminal } = await world();
	const looker = terminal("looker", { readOnly: true });
	const headless = terminal("headless", { mode: "rpc" });
	void a.ui.select("?", ["x"]);
	await settle();
	expect([looker.open, headless.open]).toEqual([[], []]);
});

test("two questions at once keep their answers apart", async () => {
	const { a, b } = await world();
	const one = a.ui.input("one");
	const two = a.ui.input("two");
	await settle();
	const byTitle = (title: string) => b.open.find(({ args }) => args[0] === title);
	byTitle("two")?.answer("2");
	byTitle("one")?.answer("1");
	expect(await Promise.all([one, two])).toEqual(["1", "2"]);
});

test("a dialog elsewhere that is given up is an answer too", async () => {
	const { a, b } = await world();
	const answer = a.ui.select("?", ["x"]);
	await settle();
	b.open[0]?.answer(undefined);
	expect(await answer).toBeUndefined();
	await settle();
	expect(a.open).toEqual([]);
});

test("after stop Pi's dialogs are Pi's, and what was shown for others closes", async () => {
	const { a, b } = await world();
	void a.ui.select("?", ["x"]);
	await settle();
	expect(b.open).toHaveLength(1);
	b.dialogs.stop();
	expect(b.open).toEqual([]);
	expect(b.ui).toEqual(b.original);
	await settle();
	expect(a.open).toHaveLength(1);
});

test("an editor that was answered elsewhere is closed: no key is pressed in what has the keyboard then", async () => {
	const { a, b } = await world();
	const answer = a.ui.editor("?", "prefill");
	await settle();
	b.open[0]?.answer("theirs");
	expect(await answer).toBe("theirs");
	await settle();
	// There it was closed by its answer, and here by the one key that Pi gives for it.
	expect([b.screen.escapes, a.screen.escapes]).toEqual([0, 1]);
	b.dialogs.stop();
	expect(b.screen.escapes).toBe(0);
});

test("a dialog that is open when somebody comes is asked there too", async () => {
	const { terminal, b } = await world();
	const alone = terminal("alone", { shared: false });
	const answer = alone.ui.confirm("Sure?", "really");
	await settle();
	expect(b.open).toEqual([]);
	alone.state.shared = true;
	alone.dialogs.look();
	alone.dialogs.look();
	await settle();
	expect(b.open).toHaveLength(1);
	b.open[0]?.answer(true);
	expect(await answer).toBe(true);
});

test("a dialog that could not be asked elsewhere is asked once the link is back, and given up once it is closed", async () => {
	const { store, a, b } = await world();
	a.backend.connect({ kind: "offline", reason: "No network." });
	const answer = a.ui.input("?");
	await settle();
	a.backend.connect({ kind: "connected" });
	a.dialogs.look();
	await settle();
	expect(b.open).toHaveLength(1);
	a.open[0]?.answer("here");
	expect(await answer).toBe("here");
	await settle();
	a.dialogs.look();
	await settle();
	expect([b.open.length, store.questions.size]).toEqual([0, 0]);
});

test("an answer that does not get through is said to, and is sent again", async () => {
	const { a, b, clock } = await world();
	const answer = a.ui.input("?");
	await settle();
	b.backend.connect({ kind: "offline", reason: "No network." });
	b.open[0]?.answer("mine");
	await clock.advance(2_000);
	expect(b.told).toHaveLength(1);
	b.backend.connect({ kind: "connected" });
	await clock.advance(60_000);
	expect(await answer).toBe("mine");
	expect(b.told).toHaveLength(1);
});

test("an answer that is refused is said to be", async () => {
	const { a, b } = await world();
	void a.ui.input("?");
	await settle();
	b.backend.answer = () =>
		Promise.reject(new BackendError("refused", "too_large", "The answer is too long."));
	b.open[0]?.answer("mine");
	await settle();
	expect(b.told).toEqual([expect.stringContaining("The answer is too long.")]);
});
