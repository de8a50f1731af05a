/** The settings list in the terminal, built from Pi's own components. */
import { type ExtensionContext, getSettingsListTheme } from "@earendil-works/pi-coding-agent";
import { type Component, Input, type SettingItem, SettingsList } from "@earendil-works/pi-tui";
import { type ConfigDraft, type Field, shownValue } from "./config-fields.ts";

const CLOSE_HINT = "Esc closes, tests the connection and saves";

/** Shows the list until it is closed; what was changed stands in the draft. */
export async function showConfigScreen(
	ctx: ExtensionContext,
	fields: Field[],
	draft: ConfigDraft,
): Promise<void> {
	await ctx.ui.custom<void>((tui, theme, _keys, done) => {
		let wrong: string | null = null;
		const change = (field: Field, text: string) => {
			wrong = draft.set(field.name, text);
			list.updateValue(field.name, shownValue(field.name, draft.get(field.name)));
		};
		const items = fields.map((field) => itemOf(field, draft, (text) => change(field, text)));
		const list = new SettingsList(
			items,
			items.length + 2,
			getSettingsListTheme(),
			(id, value) => {
				const field = fields.find((one) => one.name === id);
				if (field?.choices && !field.fixedBy) change(field, value);
			},
			() => done(),
		);
		return {
			render: (width) => [
				theme.fg("accent", theme.bold("OpenSync")) + theme.fg("dim", `  ${CLOSE_HINT}`),
				"",
				...list.render(width),
				...(wrong ? [theme.fg("warning", wrong)] : []),
			],
			invalidate: () => list.invalidate(),
			handleInput(data) {
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
		render: (width) => [
			field.label,
			"",
			...(field.secret ? [veiled(input.getValue())] : input.render(width)),
			"",
			`  ${hint}`,
		],
		invalidate: () => input.invalidate(),
		handleInput: (data) => input.handleInput(data),
	};
}

/** A key while it is typed: enough to see which one it is. */
function veiled(text: string): string {
	const shown = 8;
	return `> ${text.slice(0, shown)}${"•".repeat(Math.min(32, Math.max(0, text.length - shown)))}\x1b[7m \x1b[27m`;
}
