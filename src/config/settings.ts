/**
 * Settings as they are in force: environment over file over default. Reading is synchronous and loads
 * nothing but this folder, for it stands in Pi's way at start; writing goes through `conf`, loaded then.
 * A bad value is reported in one sentence and the next source counts; nothing here throws over content.
 */
import { chmodSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { DEFAULTS, OPTIONS, optionOf, parseValue, type SettingName, type Settings } from "./options.ts";
import { pathsOf } from "./paths.ts";

export type Source = "environment" | "file" | "default";

export type Loaded = {
	settings: Settings;
	/** One sentence each. */
	problems: string[];
	sources: Record<SettingName, Source>;
};

type Env = Readonly<Record<string, string | undefined>>;

export function loadSettings(env: Env = process.env): Loaded {
	const { configFile } = pathsOf(env);
	const problems: string[] = [];
	const file = readConfigFile(configFile, problems);
	const settings: Record<string, unknown> = { ...DEFAULTS };
	const sources = {} as Record<SettingName, Source>;
	for (const option of OPTIONS) {
		sources[option.name] = "default";
		const candidates: [Source, string, unknown][] = [
			[
				"environment",
				`the environment variable ${option.env}`,
				env[option.env] === "" ? undefined : env[option.env],
			],
			["file", `${option.name} in ${configFile}`, file[option.name]],
		];
		for (const [source, where, raw] of candidates) {
			if (raw === undefined) continue;
			const parsed = parseValue(option, raw);
			if (parsed.kind === "ok") {
				settings[option.name] = parsed.value;
				sources[option.name] = source;
				break;
			}
			problems.push(`The value of ${where} is not used: it ${parsed.why}.`);
		}
	}
	return { settings: settings as Settings, problems, sources };
}

function readConfigFile(path: string, problems: string[]): Record<string, unknown> {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT")
			problems.push(`The settings file ${path} cannot be read: check its rights.`);
		return {};
	}
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value === "object" && value !== null && !Array.isArray(value))
			return value as Record<string, unknown>;
	} catch {
		// Falls through to the sentence.
	}
	problems.push(`The settings file ${path} is not a JSON object: mend or delete it; defaults are used.`);
	return {};
}

/** Writes only what the patch names; other keys of the file stay. Rejects with one sentence. */
export async function saveSettings(patch: Partial<Settings>, env: Env = process.env): Promise<void> {
	for (const [name, value] of Object.entries(patch)) {
		const option = optionOf(name);
		const parsed = option && parseValue(option, value);
		if (!parsed) throw new Error(`There is no setting called ${name}.`);
		if (parsed.kind === "bad") throw new Error(`${name} ${parsed.why}.`);
	}
	const { configFile } = pathsOf(env);
	// Here rather than on top: a validator comes with it, which reading does not need.
	const { default: Conf } = await import("conf");
	const open = () =>
		new Conf({
			cwd: dirname(configFile),
			configName: basename(configFile, ".json"),
			configFileMode: 0o600,
			clearInvalidConfig: false,
			accessPropertiesByDotNotation: false,
		});
	try {
		const store = open();
		store.set({ ...store.store, ...patch });
		chmodSync(configFile, 0o600);
	} catch (error) {
		const broken = error instanceof SyntaxError;
		throw new Error(
			broken
				? `The settings file ${configFile} is not valid JSON: mend or delete it, then save again.`
				: `The settings file ${configFile} cannot be written: check the rights of its folder.`,
		);
	}
}

/** A key as it may be shown: its first characters. */
export const masked = (key: string): string => (key === "" ? "" : `${key.slice(0, 8)}${"•".repeat(8)}`);
