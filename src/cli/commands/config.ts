import type { Command } from "commander";
import { OPTIONS, type Option, optionOf, parseValue } from "../../config/options.ts";
import { pathsOf } from "../../config/paths.ts";
import { loadSettings, masked } from "../../config/settings.ts";
import { note, printJson, printLine, table, usageError } from "../output.ts";
import { writeSettings } from "../target.ts";

export function addConfigCommand(program: Command): void {
	const config = program.command("config").description("settings of the extension and the command line");
	config
		.command("get [name]")
		.description("one setting, or all with where they come from; the key is masked")
		.option("--json", "as JSON")
		.option("--show-key", "do not mask the API key")
		.action((name: string | undefined, options: { json?: boolean; showKey?: boolean }) => get(name, options));
	config
		.command("set <name> <value>")
		.description("write one setting to the settings file")
		.option("--json", "as JSON")
		.action(set);
	config
		.command("path")
		.description("where the settings file is")
		.option("--json", "as JSON")
		.action((options: { json?: boolean }) => {
			const path = pathsOf().configFile;
			if (options.json) printJson({ path });
			else printLine(path);
		});
}

function known(name: string): Option {
	const option = optionOf(name);
	if (option) return option;
	throw usageError(
		`There is no setting called ${name}. There are: ${OPTIONS.map((one) => one.name).join(", ")}.`,
	);
}

function get(name: string | undefined, { json, showKey }: { json?: boolean; showKey?: boolean }): void {
	const { settings, sources, problems } = loadSettings();
	for (const problem of problems) note(problem);
	const shown = (option: Option) =>
		option.kind === "secret" && !showKey ? masked(String(settings[option.name])) : settings[option.name];
	if (name !== undefined) {
		const value = shown(known(name));
		if (json) printJson({ [name]: value });
		else printLine(value === null ? "" : String(value));
		return;
	}
	if (json) printJson(Object.fromEntries(OPTIONS.map((option) => [option.name, shown(option)])));
	else
		printLine(
			table(
				["SETTING", "VALUE", "FROM"],
				OPTIONS.map((option) => [option.name, String(shown(option) ?? ""), sources[option.name]]),
			),
		);
}

async function set(name: string, value: string, { json }: { json?: boolean }): Promise<void> {
	const option = known(name);
	const parsed = parseValue(option, value);
	if (parsed.kind === "bad") throw usageError(`${name} ${parsed.why}.`);
	await writeSettings({ [name]: parsed.value });
	const { sources } = loadSettings();
	if (sources[option.name] === "environment")
		note(`Saved, but the environment variable ${option.env} is set and wins.`);
	if (json) printJson({ saved: name });
	else printLine(`Saved ${name}.`);
}
