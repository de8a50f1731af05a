/** Notices that a redrawn transcript would take off the screen. */
import { expect, test } from "bun:test";
import { SessionNotes } from "../../../src/extension/session-notes.ts";

function made() {
	const state = { now: 1_000, shown: [] as string[] };
	const ui = { notify: (text: string) => state.shown.push(text) };
	const notes = new SessionNotes({ hasUI: true, ui } as never, { now: () => state.now });
	return { state, notes };
}

test("a fresh notice is said again when the transcript was drawn anew, an old one is not", () => {
	const { state, notes } = made();
	notes.tell("first", "info");
	state.now += 20_000;
	notes.tell("second", "warning");
	notes.drawn();
	expect(state.shown).toEqual(["OpenSync: first", "OpenSync: second", "OpenSync: first", "OpenSync: second"]);
	state.shown = [];
	state.now += 20_000;
	notes.drawn();
	expect(state.shown).toEqual(["OpenSync: second"]);
	state.now += 20_000;
	notes.drawn();
	expect(state.shown).toHaveLength(1);
});

test("what is kept is said with the next drawing, and once though it was said before", () => {
	const { state, notes } = made();
	notes.tell("aside", "warning");
	notes.keep("aside", "warning");
	expect(state.shown).toHaveLength(1);
	notes.drawn();
	expect(state.shown).toEqual(["OpenSync: aside", "OpenSync: aside"]);
});

test("nothing is said where there is no screen", () => {
	const shown: string[] = [];
	const ctx = { hasUI: false, ui: { notify: (text: string) => shown.push(text) } } as never;
	const notes = new SessionNotes(ctx, { now: () => 0 });
	notes.tell("unheard", "info");
	notes.drawn();
	expect(shown).toEqual([]);
});
