/** The settings that `/opensync:config` shows: how each looks, what may be chosen, what was changed. */
import { OPTIONS, type Option, parseValue, type SettingName, type Settings } from "../config/options.ts";
import { type Loaded, masked } from "../config/settings.ts";

const SHOWN: readonly SettingName[] = [
	"convexUrl",
	"apiKey",
	"autoSync",
	"syncToolCalls",
	"syncThinking",
	"liveStreaming",
	"redaction",
	"openSyncUrl",
	"openSyncKey",
	"debug",
];

export type Field = {
	name: SettingName;
	label: string;
	help: string;
	/** What can be chosen; null for what is typed. */
	choices: readonly string[] | null;
	secret: boolean;
	/** Set by the environment, which wins over the file: shown, not changed here. */
	fixedBy: string | null;
};

export function configFields(sources: Loaded["sources"]): Field[] {
	return SHOWN.map((name) => OPTIONS.find((option) => option.name === name) as Option).map((option) => {
		const fixed = sources[option.name] === "environment";
		return {
			name: option.name,
			label: option.label,
			help: fixed ? `${option.help}. Set by ${option.env}; change it there.` : option.help,
			choices:
				option.kind === "boolean" ? ["on", "off"] : option.kind === "choice" ? (option.choices ?? []) : null,
			secret: option.kind === "secret",
			fixedBy: fixed ? option.env : null,
		};
	});
}

/** A value as a list shows it; a key by its first characters alone. */
export function shownValue(name: SettingName, value: Settings[SettingName]): string {
	if (name === "openSyncUrl" && value === "") return "none";
	if (name === "apiKey" || name === "openSyncKey") return masked(String(value)) || "not set";
	if (typeof value === "boolean") return value ? "on" : "off";
	return value === null || value === "" ? "default" : String(value);
}

/** Settings in the making. */
export class ConfigDraft {
	readonly #settings: Settings;
	readonly #changes: Partial<Record<SettingName, Settings[SettingName]>> = {};

	constructor(settings: Settings) {
		this.#settings = settings;
	}

	get(name: SettingName): Settings[SettingName] {
		return this.#changes[name] ?? this.#settings[name];
	}

	/** Takes what was typed or chosen. @returns what is wrong with it, as a sentence, or null. */
	set(name: SettingName, text: string): string | null {
		const option = OPTIONS.find((one) => one.name === name) as Option;
		const parsed = parseValue(option, text);
		if (parsed.kind === "bad") return `${option.label} ${parsed.why}.`;
		if (parsed.value === this.#settings[name]) delete this.#changes[name];
		else this.#changes[name] = parsed.value;
		// The old site belongs to the old backend; the new one's is derived.
		if (name === "convexUrl" && this.#settings.siteUrl !== "") {
			if ("convexUrl" in this.#changes) this.#changes.siteUrl = "";
			else delete this.#changes.siteUrl;
		}
		return null;
	}

	get changes(): Partial<Settings> {
		return this.#changes as Partial<Settings>;
	}

	get changed(): boolean {
		return Object.keys(this.#changes).length > 0;
	}

	/** Whether the backend or the sign-in is another one than before. */
	get reconnects(): boolean {
		return "convexUrl" in this.#changes || "apiKey" in this.#changes;
	}

	/** Whether a second destination is set that was not, or another one. */
	get recordsElsewhere(): boolean {
		return (
			this.settings.openSyncUrl !== "" && ("openSyncUrl" in this.#changes || "openSyncKey" in this.#changes)
		);
	}

	get settings(): Settings {
		return { ...this.#settings, ...this.#changes } as Settings;
	}
}
