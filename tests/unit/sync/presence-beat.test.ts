import { expect, test } from "bun:test";
import { PRESENCE_BEAT_MS } from "../../../src/protocol/limits.ts";
import { startPresence } from "../../../src/sync/presence-beat.ts";
import { FakeBackend } from "../../support/fake-backend.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

const BEAT = { clientId: "c", kind: "terminal", sessionId: "s", watching: false, label: "here" } as const;
const beats = (backend: FakeBackend): number => backend.calls.filter((call) => call === "beat").length;

test("it beats at once, then at intervals, and says goodbye", async () => {
	const backend = new FakeBackend();
	const clock = new FakeClock();
	const presence = startPresence(backend, clock, () => BEAT);
	expect(beats(backend)).toBe(1);
	await clock.advance(PRESENCE_BEAT_MS * 3);
	expect(beats(backend)).toBe(4);
	expect(backend.store.present.has("c")).toBe(true);
	await presence.stop();
	await presence.stop();
	expect(backend.store.present.has("c")).toBe(false);
	await clock.advance(PRESENCE_BEAT_MS * 3);
	expect(beats(backend)).toBe(4);
});

test("offline it keeps silent, and beats at once when the connection is back", async () => {
	const backend = new FakeBackend();
	backend.connect({ kind: "offline", reason: "No network." });
	const clock = new FakeClock();
	const presence = startPresence(backend, clock, () => BEAT);
	await clock.advance(PRESENCE_BEAT_MS * 2);
	expect(beats(backend)).toBe(0);
	backend.connect({ kind: "connected" });
	expect(beats(backend)).toBe(1);
	await presence.stop();
});

test("a failing beat is no matter, and a change in mid-beat is said after it", async () => {
	const backend = new FakeBackend();
	const clock = new FakeClock();
	let label = "old";
	backend.fault = () => "refused";
	const presence = startPresence(backend, clock, () => ({ ...BEAT, label }));
	backend.fault = () => null;
	label = "new";
	presence.touch();
	expect(beats(backend)).toBe(1);
	await settle();
	expect(beats(backend)).toBe(2);
	expect(backend.store.present.get("c")?.label).toBe("new");
	await presence.stop();
});
