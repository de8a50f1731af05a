#!/usr/bin/env bun
/** The command line outside Pi. Exit codes: 0 done, 1 failed, 2 wrong usage. */
import { Command, CommanderError } from "commander";
import { addConfigCommand } from "./commands/config.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addEngineCommand } from "./commands/engine.ts";
import { addExportCommand } from "./commands/export.ts";
import { addImportCommand } from "./commands/import.ts";
import { addKeysCommand } from "./commands/keys.ts";
import { addOpenCommand } from "./commands/open.ts";
import { addSearchCommand } from "./commands/search.ts";
import { addSessionsCommand } from "./commands/sessions.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addUpCommand } from "./commands/up.ts";
import { CliError, endOutput, watchOutput } from "./output.ts";
import { VERSION } from "./project.ts";

function buildProgram(): Command {
	const program = new Command("pi-opensync")
		.description("Live, shared Pi sessions on a Convex backend")
		.version(VERSION)
		.option("--debug", "show stack traces")
		.showHelpAfterError("Run `pi-opensync --help` for the verbs, or `pi-opensync <verb> --help` for one.")
		.exitOverride();
	addUpCommand(program);
	addImportCommand(program);
	addExportCommand(program);
	addKeysCommand(program);
	addSessionsCommand(program);
	addSearchCommand(program);
	addStatusCommand(program);
	addDoctorCommand(program);
	addConfigCommand(program);
	addOpenCommand(program);
	addEngineCommand(program);
	return program;
}

async function main(): Promise<number> {
	const program = buildProgram();
	try {
		await program.parseAsync();
		return 0;
	} catch (error) {
		if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
		if (error instanceof CliError) {
			process.stderr.write(`${error.message}\n`);
			if (program.opts().debug) process.stderr.write(`${error.stack}\n`);
			return error.exitCode;
		}
		const message = error instanceof Error ? error.message : String(error);
		process.stderr.write(
			`This should not have happened: ${message.split("\n", 1)[0]}. Run again with --debug and report it.\n`,
		);
		if (program.opts().debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
		return 1;
	}
}

// Node ends a process whose sockets are all let go, whatever it still awaits and has not said.
setInterval(() => {}, 60_000);
watchOutput();
process.exitCode = await main();
if (!(await endOutput())) process.exitCode ||= 1;
// Sockets that still close themselves must not keep the command alive.
process.exit(process.exitCode);
