import { expect, test } from "bun:test";
import {
	age,
	allTokens,
	byteSize,
	counted,
	dollars,
	duration,
	lastActive,
	nextAgeChange,
	shortCount,
} from "../../../src/dashboard/format.ts";

test("counts grow shorter as they grow", () => {
	expect([0, 7, 999, 1000, 1234, 9949, 9950, 34_321, 999_499, 999_500, 5_600_000].map(shortCount)).toEqual([
		"0",
		"7",
		"999",
		"1k",
		"1.2k",
		"9.9k",
		"10k",
		"34k",
		"999k",
		"1M",
		"5.6M",
	]);
});

test("cost is never shown as nothing when there is some", () => {
	expect([0, 0.004, 0.01, 1.234, 12_345.6].map(dollars)).toEqual([
		"$0",
		"<$0.01",
		"$0.01",
		"$1.23",
		"$12,346",
	]);
});

test("ages tick from seconds to dates", () => {
	const now = Date.parse("2026-01-15T12:00:00Z");
	const before = (ms: number) => age(now - ms, now);
	expect([0, 4999, 12_000, 61_000, 3_600_000, 90_000_000].map(before)).toEqual([
		"now",
		"now",
		"12s",
		"1m",
		"1h",
		"1d",
	]);
	expect(before(8 * 86_400_000)).toBe("2026-01-07");
	expect(age(now + 60_000, now)).toBe("now");
});

test("the next change of an age is neither missed nor waited for too often", () => {
	expect(nextAgeChange(0, 30_000)).toBe(1000);
	expect(nextAgeChange(0, 90_000)).toBe(30_000);
	expect(nextAgeChange(0, 7_200_000)).toBe(60_000);
});

test("all tokens are those in, out, and through the cache", () => {
	expect(allTokens({ input: 1, output: 2, cacheRead: 3, cacheWrite: 4 })).toBe(10);
});

test("sizes and counted things read as words", () => {
	expect([812, 1234, 3_400_000].map(byteSize)).toEqual(["812 B", "1.2 kB", "3.4 MB"]);
	expect([counted(1, "entry", "entries"), counted(1200, "entry", "entries")]).toEqual([
		"1 entry",
		"1,200 entries",
	]);
});

test("durations have two units at most", () => {
	expect([0, 8_400, 59_600, 12 * 60_000, 3 * 3_600_000 + 5 * 60_000, 52 * 3_600_000].map(duration)).toEqual([
		"0s",
		"8s",
		"1m",
		"12m",
		"3h 5m",
		"2d 4h",
	]);
});

test("a time that is no date has an age all the same", () => {
	for (const at of [Number.NaN, -1e17, -9e15]) expect(age(at, Date.UTC(2026, 0, 1))).toBe("no date");
	expect(age(1e17, Date.UTC(2026, 0, 1))).toBe("now");
});

test("when a session was last active is told in words", () => {
	const now = Date.UTC(2026, 0, 15, 12);
	expect(lastActive(now, now)).toBe("active now");
	expect(lastActive(now - 300_000, now)).toBe("active 5m ago");
	expect(lastActive(now - 40 * 86_400_000, now)).toMatch(/^active 2025-12-0\d$/);
});
