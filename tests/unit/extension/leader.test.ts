/** Where the terminal that drove last went on to. */
import { expect, test } from "bun:test";
import { Leader } from "../../../src/extension/leader.ts";
import type { Present } from "../../../src/protocol/presence.ts";
import type { SessionView } from "../../../src/protocol/session.ts";
import { settle } from "../../support/fake-clock.ts";
import { FakeLiveBackend } from "../../support/fake-live-backend.ts";

const here = (clientId: string): Present => ({
	...{ clientId, kind: "terminal", watching: false, label: `at ${clientId}`, since: 0 },
});
const session = (sessionId: string, title: string | null) => ({ sessionId, title }) as SessionView;

function made() {
	const backend = new FakeLiveBackend();
	const went: string[] = [];
	const leader = new Leader(backend, "s1", (label, { title }) => went.push(`${label} to ${title}`));
	const goes = async (clientId: string, one: SessionView | null) => {
		const place = { sessionId: one?.sessionId ?? null, label: `at ${clientId}`, session: one };
		backend.store.places.set(clientId, place);
		backend.store.changed();
		await settle();
	};
	return { leader, went, goes };
}

test("a terminal that drove and leaves for another session is told of, once it is known what that is about", async () => {
	const { leader, went, goes } = made();
	leader.drives({ terminalId: "a", label: "at a" });
	leader.present([here("a"), here("b")]);
	leader.present([here("b")]);
	await goes("a", null);
	await goes("a", session("s2", null));
	expect(went).toEqual([]);
	expect(leader.wentTo).toBeNull();
	await goes("a", session("s2", "the next thing"));
	await goes("a", session("s2", "the next thing, renamed"));
	expect(went).toEqual(["at a to the next thing"]);
	expect(leader.wentTo?.sessionId).toBe("s2");
	await goes("a", session("s3", "another"));
	expect(went).toHaveLength(2);
});

test("one that comes back went nowhere", async () => {
	const { leader, went, goes } = made();
	leader.present([here("a")]);
	leader.present([]);
	await goes("a", session("s1", "this one"));
	expect(went).toEqual([]);
	await goes("a", session("s2", "the next thing"));
	leader.present([here("a")]);
	expect(leader.wentTo).toBeNull();
	await goes("a", session("s3", "another"));
	expect(went).toHaveLength(1);
});

test("who never drove may leave unnoticed while the other stays", async () => {
	const { leader, went, goes } = made();
	leader.drives({ terminalId: "a", label: "at a" });
	leader.present([here("a"), here("b")]);
	leader.present([here("a")]);
	await goes("b", session("s2", "b's own"));
	expect(went).toEqual([]);
});

test("when who drove last has died, whoever leaves next is told of", async () => {
	const { leader, went, goes } = made();
	leader.drives({ terminalId: "a", label: "at a" });
	leader.present([here("a"), here("b")]);
	leader.present([here("b")]);
	leader.present([]);
	await goes("b", session("s2", "the next thing"));
	expect(went).toEqual(["at b to the next thing"]);
});

test("who drove last is told of also when another terminal leaves after it", async () => {
	const { leader, went, goes } = made();
	leader.drives({ terminalId: "a", label: "at a" });
	leader.present([here("a"), here("b")]);
	leader.present([here("b")]);
	leader.present([]);
	await goes("b", null);
	await goes("a", session("s2", "the next thing"));
	expect(went).toEqual(["at a to the next thing"]);
});

test("after stop nobody is looked after", async () => {
	const { leader, went, goes } = made();
	leader.present([here("a")]);
	leader.present([]);
	leader.stop();
	await goes("a", session("s2", "the next thing"));
	expect(went).toEqual([]);
});
