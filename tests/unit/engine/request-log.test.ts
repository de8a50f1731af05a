import { afterEach, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../../src/engine/storage/database.ts";
import { RequestLog } from "../../../src/engine/storage/request-log.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NOW = 1_800_000_000_000;

let database: Database;
afterEach(() => database.close());

function logOf(answers: Array<[session: string, request: number, agoMs: number]>): {
	log: RequestLog;
	left: () => string[];
} {
	database = openDatabase(null);
	const log = new RequestLog(database);
	for (const [sessionId, requestId, agoMs] of answers)
		log.store({ sessionId, requestId }, { ts: 1n, valueJson: "null", logLines: [] }, NOW - agoMs);
	const left = (): string[] =>
		database
			.all<{ name: string }>("SELECT session || request AS name FROM requests ORDER BY session, request")
			.map(({ name }) => name);
	return { log, left };
}

test("of a client the answers of its last minutes stay, however long it is away; after two weeks none", () => {
	const { log, left } = logOf([
		["busy", 1, 60 * MINUTE_MS],
		["busy", 2, 30 * MINUTE_MS],
		["busy", 3, 2 * MINUTE_MS],
		["busy", 4, 0],
		["away", 1, 3 * DAY_MS + 60 * MINUTE_MS],
		["away", 2, 3 * DAY_MS + 3 * MINUTE_MS],
		["away", 10, 3 * DAY_MS],
		["gone", 1, 15 * DAY_MS],
	]);
	while (log.prune(NOW, 100));
	expect(left()).toEqual(["away2", "away10", "busy3", "busy4"]);
	expect(log.find({ sessionId: "away", requestId: 10 })).not.toBeNull();
});

test("they go a lot at a time, and the next round begins anew", () => {
	const { log, left } = logOf(
		Array.from({ length: 250 }, (_, i) => [`s${i % 5}`, i, 20 * DAY_MS] as [string, number, number]),
	);
	const lots: number[] = [];
	for (let before = 250; log.prune(NOW, 100); before = left().length) lots.push(before - left().length);
	expect(lots).toEqual([100, 100]);
	expect(left()).toEqual([]);
	log.store(
		{ sessionId: "s0", requestId: 0 },
		{ ts: 1n, valueJson: "null", logLines: [] },
		NOW - 20 * DAY_MS,
	);
	expect(log.prune(NOW, 100)).toBe(false);
	expect(left()).toEqual([]);
});
