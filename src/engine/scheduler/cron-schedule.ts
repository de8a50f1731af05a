/** When a cron runs next. All times are UTC. */

export type CronSchedule =
	| { type: "interval"; seconds?: number; minutes?: number; hours?: number }
	| { type: "hourly"; minuteUTC?: number }
	| { type: "daily"; hourUTC: number; minuteUTC?: number }
	| { type: "weekly"; dayOfWeek: string; hourUTC: number; minuteUTC?: number }
	| { type: "monthly"; day: number; hourUTC: number; minuteUTC?: number }
	| { type: "cron"; cron: string };

/** Values a field takes; null takes all. */
type Field = ReadonlySet<number> | null;
type Fields = { minute: Field; hour: Field; day: Field; month: Field; weekday: Field };

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 29 February comes again within eight years. */
const MAX_DAYS = 366 * 8 + 1;

/** Length of an interval in ms, or null for the other schedules. */
export function intervalMs(schedule: CronSchedule): number | null {
	if (schedule.type !== "interval") return null;
	return ((schedule.seconds ?? 0) + (schedule.minutes ?? 0) * 60 + (schedule.hours ?? 0) * 3600) * 1000;
}

/** First time after `afterMs`. `name` picks the minute where the schedule leaves it open. */
export function nextRun(schedule: CronSchedule, afterMs: number, name: string): number {
	if (schedule.type === "interval") return afterMs + (intervalMs(schedule) as number);
	const fields = fieldsOf(schedule, name);
	let day = Math.floor(afterMs / DAY_MS) * DAY_MS;
	for (let i = 0; i < MAX_DAYS; i++, day += DAY_MS) {
		if (!isDay(fields, new Date(day))) continue;
		for (let minute = 0; minute < 24 * 60; minute++) {
			const at = day + minute * MINUTE_MS;
			if (at > afterMs && takes(fields.hour, Math.floor(minute / 60)) && takes(fields.minute, minute % 60))
				return at;
		}
	}
	throw new Error(`The schedule of cron "${name}" never comes`);
}

function takes(field: Field, value: number): boolean {
	return field === null || field.has(value);
}

/** As in cron: when both day fields are restricted, either is enough. */
function isDay(fields: Fields, date: Date): boolean {
	if (!takes(fields.month, date.getUTCMonth() + 1)) return false;
	const inMonth = takes(fields.day, date.getUTCDate());
	const inWeek = takes(fields.weekday, date.getUTCDay());
	return fields.day !== null && fields.weekday !== null ? inMonth || inWeek : inMonth && inWeek;
}

function one(value: number): Field {
	return new Set([value]);
}

function spreadMinute(name: string): number {
	let sum = 0;
	for (const char of name) sum = (sum * 31 + char.charCodeAt(0)) % 60;
	return sum;
}

function fieldsOf(schedule: Exclude<CronSchedule, { type: "interval" }>, name: string): Fields {
	if (schedule.type === "cron") return parseCron(schedule.cron, name);
	const minute = one(schedule.minuteUTC ?? spreadMinute(name));
	const any = { minute, hour: null, day: null, month: null, weekday: null };
	switch (schedule.type) {
		case "hourly":
			return any;
		case "daily":
			return { ...any, hour: one(schedule.hourUTC) };
		case "weekly":
			return { ...any, hour: one(schedule.hourUTC), weekday: one(DAYS.indexOf(schedule.dayOfWeek)) };
		case "monthly":
			return { ...any, hour: one(schedule.hourUTC), day: one(schedule.day) };
	}
}

/** Five fields: minute, hour, day of month, month, day of week. */
export function parseCron(text: string, name = text): Fields {
	const parts = text.trim().split(/\s+/);
	if (parts.length !== 5)
		throw new Error(`The cron expression "${text}" of "${name}" does not have five fields`);
	const [minute, hour, day, month, weekday] = parts as [string, string, string, string, string];
	const weekdays = parseField(
		weekday,
		0,
		7,
		DAYS.map((one) => one.slice(0, 3)),
		0,
	);
	return {
		minute: parseField(minute, 0, 59),
		hour: parseField(hour, 0, 23),
		day: parseField(day, 1, 31),
		month: parseField(month, 1, 12, MONTHS, 1),
		weekday: weekdays && new Set([...weekdays].map((one) => one % 7)),
	};
}

function parseField(
	text: string,
	low: number,
	high: number,
	names: readonly string[] = [],
	firstName = 0,
): Field {
	if (text === "*" || text === "?") return null;
	const number = (part: string): number => {
		const named = names.indexOf(part.toLowerCase().slice(0, 3));
		const value = named >= 0 ? named + firstName : Number(part);
		if (!Number.isInteger(value) || value < low || value > high)
			throw new Error(`"${part}" is no value of a cron field between ${low} and ${high}`);
		return value;
	};
	const values = new Set<number>();
	for (const part of text.split(",")) {
		const [range = "", stepText] = part.split("/");
		const step = stepText === undefined ? 1 : Number(stepText);
		if (!Number.isInteger(step) || step < 1) throw new Error(`"${part}" has no valid step`);
		const [from, to] = range === "*" ? [low, high] : range.split("-").map(number);
		const end = to ?? (stepText === undefined ? from : high);
		for (let value = from as number; value <= (end as number); value += step) values.add(value);
	}
	return values;
}
