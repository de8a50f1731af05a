/** The settings list in the terminal, built from Pi's own components. */
import { type ExtensionContext, getSettingsListTheme } from "@earendil-works/pi-coding-agent";
import {
	type Component,
	Input,
	matchesKey,
	type SettingItem,
	SettingsList,
	truncateToWidth,
} from "@earendil-works/pi-tui";
import { type ConfigDraft, type Field, shownValue } from "./config-fields.ts";

/** Shows the list until it is closed; what was changed stands in the draft. False: the person gave the changes up. */
export async function showConfigScreen(
	ctx: ExtensionContext,
	fields: Field[],
	draft: ConfigDraft,
): Promise<boolean> {
	return await ctx.ui.custom<boolean>((tui, theme, _keys, done) => {
		const listTheme = getSettingsListTheme();
		let wrong: string | null = null;
		const change = (field: Field, text: string) => {
			wrong = draft.set(field.name, text);
			list.updateValue(field.name, shownValue(field.name, draft.get(field.name)));
		};
		const items = fields.map((field) => itemOf(field, draft, (text) => change(field, text)));
		const list = new SettingsList(
			items,
			items.length + 2,
			// The list's own words are of cancelling; here its end is where things are saved.
			{
				...listTheme,
				hint: (text) =>
					listTheme.hint(text.replace("Esc to cancel", "Esc saves and closes · Ctrl+C discards")),
			},
			(id, value) => {
				const field = fields.find((one) => one.name === id);
				if (field?.choices && !field.fixedBy) change(field, value);
			},
			() => done(true),
		);
		return {
			// A line wider than the terminal is an error to Pi.
			render: (width) =>
				[
					theme.fg("accent", theme.bold("OpenSync settings")),
					"",
					...list.render(width),
					...(wrong ? [theme.fg("warning", wrong)] : []),
				].map((line) => truncateToWidth(line, width)),
			invalidate: () => list.invalidate(),
			handleInput(data) {
				if (matchesKey(data, "ctrl+c")) return done(false);
				list.handleInput(data);
				tui.requestRender();
			},
		};
	});
}

function itemOf(field: Field, draft: ConfigDraft, take: (text: string) => void): SettingItem {
	const item: SettingItem = {
		id: field.name,
		label: field.label,
		description: field.help,
		currentValue: shownValue(field.name, draft.get(field.name)),
	};
	if (field.fixedBy) return item;
	if (field.choices) return { ...item, values: [...field.choices] };
	return {
		...item,
		submenu: (_shown, close) => {
			const before = field.secret ? "" : String(draft.get(field.name));
			return typing(field, before, (text) => {
				if (text !== null && !(field.secret && text === "")) take(text);
				close();
			});
		},
	};
}

/** One line to type a value into. @param end the text, or null when it was given up. */
function typing(field: Field, before: string, end: (text: string | null) => void): Component {
	const input = new Input();
	input.focused = true;
	input.setValue(before);
	// The cursor belongs behind what is there already.
	if (before) input.handleInput("\x05");
	input.onSubmit = (text) => end(text.trim());
	input.onEscape = () => end(null);
	const hint = field.secret
		? "Type or paste the key, Enter takes it, Esc keeps the old one"
		: "Enter takes it, Esc keeps the old one";
	return {
		render: (width) =>
			[
				field.label,
				"",
				...(field.secret ? [veiled(input.getValue())] : input.render(width)),
				"",
				`  ${hint}`,
			].map((line) => truncateToWidth(line, width)),
		invalidate: () => input.invalidate(),
		handleInput: (data) => input.handleInput(data),
	};
}

/** A key while it is typed: enough to see which one it is. */
function veiled(text: string): string {
	const shown = 8;
	return `> ${text.slice(0, shown)}${"•".repeat(Math.min(32, Math.max(0, text.length - shown)))}\x1b[7m \x1b[27m`;
}
