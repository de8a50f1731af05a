import { describe, expect, test } from "bun:test";
import { nextRun, parseCron } from "../../../src/engine/scheduler/cron-schedule.ts";

const at = (text: string): number => Date.parse(`${text}Z`);
const next = (schedule: Parameters<typeof nextRun>[0], after: string): string =>
	new Date(nextRun(schedule, at(after), "name")).toISOString().slice(0, 16);

describe("schedules", () => {
	test("an interval follows its last time", () => {
		expect(nextRun({ type: "interval", minutes: 5 }, 1000, "name")).toBe(301_000);
		expect(nextRun({ type: "interval", hours: 1 }, 0, "name")).toBe(3_600_000);
	});

	test("hourly, daily, weekly and monthly come at their UTC time, never twice", () => {
		expect(next({ type: "hourly", minuteUTC: 30 }, "2026-03-01T10:30:00")).toBe("2026-03-01T11:30");
		expect(next({ type: "daily", hourUTC: 3, minuteUTC: 15 }, "2026-03-01T03:14:59")).toBe(
			"2026-03-01T03:15",
		);
		expect(next({ type: "daily", hourUTC: 3, minuteUTC: 15 }, "2026-03-01T03:15:00")).toBe(
			"2026-03-02T03:15",
		);
		expect(
			next({ type: "weekly", dayOfWeek: "monday", hourUTC: 0, minuteUTC: 0 }, "2026-03-04T00:00:00"),
		).toBe("2026-03-09T00:00");
		expect(next({ type: "monthly", day: 31, hourUTC: 1, minuteUTC: 0 }, "2026-04-01T00:00:00")).toBe(
			"2026-05-31T01:00",
		);
	});

	test("a minute that is left open is the same every time", () => {
		const first = nextRun({ type: "hourly" }, at("2026-01-01T00:59:59"), "some name");
		expect(nextRun({ type: "hourly" }, first, "some name")).toBe(first + 3_600_000);
	});
});

describe("cron expressions", () => {
	test("lists, ranges, steps and names", () => {
		expect(next({ type: "cron", cron: "*/15 9-17 * * mon-fri" }, "2026-03-06T17:46:00")).toBe(
			"2026-03-09T09:00",
		);
		expect(next({ type: "cron", cron: "0 0 1 jan,jul *" }, "2026-01-01T00:00:00")).toBe("2026-07-01T00:00");
		expect(next({ type: "cron", cron: "5/20 * * * *" }, "2026-01-01T00:06:00")).toBe("2026-01-01T00:25");
		expect(next({ type: "cron", cron: "0 12 * * 7" }, "2026-03-02T00:00:00")).toBe("2026-03-08T12:00");
	});

	test("either day field is enough when both are given", () => {
		expect(next({ type: "cron", cron: "0 0 13 * 5" }, "2026-03-01T00:00:00")).toBe("2026-03-06T00:00");
	});

	test("29 February comes, 30 February never", () => {
		expect(next({ type: "cron", cron: "0 0 29 2 *" }, "2026-03-01T00:00:00")).toBe("2028-02-29T00:00");
		expect(() => nextRun({ type: "cron", cron: "0 0 30 2 *" }, 0, "name")).toThrow("never comes");
	});

	test("nonsense is refused", () => {
		for (const text of ["", "* * * *", "60 * * * *", "a * * * *", "*/0 * * * *", "* 24 * * *"])
			expect(() => parseCron(text)).toThrow();
	});
});
