/** Groups of mutations that share a commit: what happens when one fails, and when the commit itself does. */
import { afterEach, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../../src/engine/storage/database.ts";
import { CommitGroup } from "../../../src/engine/transaction/commit-group.ts";
import { SerialQueue } from "../../../src/engine/transaction/serial-queue.ts";

let database: Database;
afterEach(() => database.close());

function setup(): {
	group: CommitGroup;
	told: string[];
	write: (name: string, keep?: boolean) => void;
	names: () => string[];
} {
	database = openDatabase(null);
	const group = new CommitGroup(database);
	const told: string[] = [];
	const write = (name: string, keep = true): void => {
		group.begin();
		database.setMeta(name, "x");
		if (keep)
			group.keep({
				committed: () => told.push(`${name} committed`),
				failed: () => told.push(`${name} failed`),
			});
		else group.undo();
	};
	const names = (): string[] =>
		database
			.all<{ name: string }>("SELECT name FROM meta WHERE name <> 'format' ORDER BY name")
			.map((row) => row.name);
	return { group, told, write, names };
}

test("members are told after the one commit; an undone one leaves the others alone", () => {
	const { group, told, write, names } = setup();
	write("a");
	write("b", false);
	write("c");
	expect(told).toEqual([]);
	group.flush();
	expect(told).toEqual(["a committed", "c committed"]);
	expect(names()).toEqual(["a", "c"]);
	expect(database.inTransaction).toBe(false);
});

test("when the database gives up the transaction, every member has failed and the next group works", () => {
	const { group, told, write, names } = setup();
	write("a");
	group.begin();
	database.rollback();
	group.undo();
	expect(told).toEqual(["a failed"]);
	write("b");
	group.flush();
	expect(names()).toEqual(["b"]);
});

test("when the commit fails, every member has failed", () => {
	const { group, told, write, names } = setup();
	write("a");
	write("b");
	database.rollback();
	group.flush();
	expect(told).toEqual(["b failed", "a failed"]);
	expect(names()).toEqual([]);
});

test("when the disk is full, SQLite gives up the group: its members have failed and the next one works", () => {
	const { group, told, write, names } = setup();
	const pages = database.get<{ page_count: number }>("PRAGMA page_count")?.page_count as number;
	database.exec(`PRAGMA max_page_count = ${pages + 4}`);
	write("a");
	group.begin();
	expect(() => database.setMeta("b", "x".repeat(1_000_000))).toThrow();
	group.undo();
	write("c");
	group.flush();
	expect(told).toEqual(["a failed", "c committed"]);
	expect(names()).toEqual(["c"]);
});

test("writes that wait are grouped, other jobs see them committed, and results come in order", async () => {
	const order: string[] = [];
	const queue = new SerialQueue(
		() => order.push("flush"),
		() => 0,
	);
	database = openDatabase(null);
	const write = (name: string) =>
		queue
			.runWrite(() => {
				order.push(name);
				return () => name;
			})
			.then((result) => order.push(`${result} told`));
	await Promise.all([write("a"), write("b"), queue.run(() => order.push("read")), write("c")]);
	expect(order).toEqual(["a", "b", "flush", "a told", "b told", "read", "flush", "c", "flush", "c told"]);
});

test("a failing job fails alone", async () => {
	database = openDatabase(null);
	const queue = new SerialQueue(
		() => {},
		() => 0,
	);
	const failing = queue.runWrite<number>(() => {
		throw new Error("this one");
	});
	await expect(failing).rejects.toThrow("this one");
	expect(await queue.run(() => 1)).toBe(1);
	await queue.whenIdle();
});
