/** The sessions to choose from, newest activity first; what is typed narrows them down. */
import { type ExtensionContext, getSelectListTheme } from "@earendil-works/pi-coding-agent";
import { Input, matchesKey, SelectList, truncateToWidth } from "@earendil-works/pi-tui";
import { plainLine } from "../lib/plain-text.ts";
import type { Attachable } from "../protocol/turn-lock.ts";

const ROWS = 12;

/** The chosen session's id, or null. */
export async function chooseSession(
	ctx: ExtensionContext,
	rows: readonly Attachable[],
	now: number,
): Promise<string | null> {
	return await ctx.ui.custom<string | null>((tui, theme, _keys, done) => {
		const filter = new Input();
		filter.focused = true;
		const make = (): SelectList => {
			const items = rows.filter((row) => fits(row, filter.getValue())).map((row) => itemOf(row, now));
			const list = new SelectList(items, ROWS, getSelectListTheme());
			list.onSelect = ({ value }) => done(value);
			list.onCancel = () => done(null);
			return list;
		};
		let list = make();
		return {
			render: (width) =>
				[
					theme.fg("accent", theme.bold("Attach to a session")),
					...filter.render(width),
					"",
					...list.render(width),
					"",
					theme.fg("dim", "type to filter · ↑↓ choose · Enter attaches · Esc leaves"),
				].map((line) => truncateToWidth(line, width)),
			invalidate: () => list.invalidate(),
			handleInput(data) {
				const isForList = ["up", "down", "enter", "escape", "pageUp", "pageDown"].some((key) =>
					matchesKey(data, key as "up"),
				);
				if (matchesKey(data, "ctrl+c")) return done(null);
				if (isForList) list.handleInput(data);
				else {
					filter.handleInput(data);
					list = make();
				}
				tui.requestRender();
			},
		};
	});
}

/** Every word of the filter is somewhere in the row. */
export function fits({ session, holder }: Attachable, filter: string): boolean {
	const text = [
		session.sessionId,
		session.title ?? "",
		session.projectName,
		session.machine,
		session.status,
		holder?.label ?? "",
	]
		.join(" ")
		.toLowerCase();
	return filter
		.toLowerCase()
		.split(/\s+/)
		.every((word) => text.includes(word));
}

/** Project and title; machine, state, who drives and since when it rests. */
export function itemOf({ session, holder, terminals }: Attachable, now: number) {
	const title = session.title ?? "(no prompt yet)";
	const who = holder ? `${holder.label} is working` : terminals > 0 ? `open in ${terminals}` : session.status;
	return {
		value: session.sessionId,
		label: plainLine(`${session.projectName}: ${title}`),
		description: plainLine(`${session.machine} · ${who} · ${ago(now - session.updatedAt)}`),
	};
}

function ago(ms: number): string {
	const minutes = Math.floor(ms / 60_000);
	if (minutes < 1) return "now";
	if (minutes < 60) return `${minutes} min ago`;
	if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
	return `${Math.floor(minutes / 60 / 24)} days ago`;
}
