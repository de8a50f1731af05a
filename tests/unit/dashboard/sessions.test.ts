import { expect, test } from "bun:test";
import { filterSessions, sourcesIn } from "../../../src/dashboard/features/session-list/filter-sessions.ts";
import { forkPlaces } from "../../../src/dashboard/features/transcript/fork-places.ts";
import { sessionTitle } from "../../../src/dashboard/session-title.ts";
import { sessionView } from "./entry-views.ts";

test("each word of the filter must occur somewhere", () => {
	const a = sessionView({ sessionId: "a", title: "Fix the parser", projectName: "compiler" });
	const b = sessionView({ sessionId: "b", title: "Write docs", projectName: "compiler" });
	expect(filterSessions([a, b], "  COMPILER parser ")).toEqual([a]);
	expect(filterSessions([a, b], "")).toEqual([a, b]);
	expect(filterSessions([a, b], "nowhere")).toEqual([]);
});

test("sessions are filtered by agent, by choice and by its name", () => {
	const pi = sessionView({ sessionId: "a" });
	const claude = sessionView({ sessionId: "b", source: "claude-code", via: "openSync" });
	const other = sessionView({ sessionId: "c", source: "my-agent", via: "openSync" });
	expect(sourcesIn([pi, claude, other, pi])).toEqual(["claude-code", "my-agent", "pi"]);
	expect(filterSessions([pi, claude, other], "", "claude-code")).toEqual([claude]);
	expect(filterSessions([pi, claude, other], "claude code")).toEqual([claude]);
	expect(filterSessions([pi, claude, other], "claude", "pi")).toEqual([]);
});

test("a session without title goes by its id", () => {
	expect(sessionTitle({ title: null, sessionId: "01a1fd33-c7f3" })).toBe("Untitled 01a1fd33");
	expect(sessionTitle({ title: "\u001b[31m", sessionId: "x" })).toBe("Untitled x");
	expect(sessionTitle({ title: "Named", sessionId: "x" })).toBe("Named");
});

test("forks are marked where they leave and where they come from", () => {
	const parent = sessionView({ sessionId: "p" });
	const session = sessionView({ sessionId: "s", lineage: { parentSessionId: "p", forkEntryId: "e2" } });
	const one = sessionView({ sessionId: "c1", lineage: { parentSessionId: "s", forkEntryId: "e5" } });
	const two = sessionView({ sessionId: "c2", lineage: { parentSessionId: "s", forkEntryId: "e5" } });
	const lost = sessionView({ sessionId: "c3", lineage: { parentSessionId: "s", forkEntryId: null } });
	const places = forkPlaces(session, { ancestors: [parent], children: [one, two, lost] });
	expect(places.get("e2")).toEqual({ from: [parent], to: [] });
	expect(places.get("e5")).toEqual({ from: [], to: [one, two] });
	expect(places.size).toBe(2);
	expect(forkPlaces(session, undefined).size).toBe(0);
});
