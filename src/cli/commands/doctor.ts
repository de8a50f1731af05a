import { accessSync, constants, existsSync, statSync } from "node:fs";
import type { Command } from "commander";
import { checkBackend } from "../../backend/check.ts";
import type { Settings } from "../../config/options.ts";
import { dataPaths, pathsOf } from "../../config/paths.ts";
import { loadSettings } from "../../config/settings.ts";
import { readRunning } from "../backend-home.ts";
import { CliError, printJson, printLine } from "../output.ts";
import { findPi } from "../project.ts";
import { checkRecords } from "../record-check.ts";

type Finding = { check: string; ok: boolean; message: string };

export function addDoctorCommand(program: Command): void {
	program
		.command("doctor")
		.description("look for what is wrong: settings, backend, key, folders, Pi")
		.option("--json", "as JSON")
		.action(doctor);
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
	const { settings, problems } = loadSettings();
	const paths = pathsOf();
	const backend = await backendFindings(settings);
	const running = readRunning(paths.dataDir);
	const findings: Finding[] = [
		{
			check: "settings",
			ok: problems.length === 0,
			message: problems.join(" ") || `${paths.configFile} is well formed.`,
		},
		privateFile("settings file", paths.configFile),
		...backend,
		{
			check: "local backend",
			ok: true,
			message: running
				? `Runs as process ${running.pid} on ${running.url}.`
				: "None runs on the default data folder.",
		},
		writable("data folder", paths.dataDir),
		privateFile("secrets", dataPaths(paths.dataDir).secretsFile),
		sessionsFolder(paths.piSessionsDir),
		{
			check: "Pi",
			ok: true,
			message: findPi() ? "This package brings one." : "This package brings none; an installed one is used.",
		},
	];
	const bad = findings.filter((finding) => !finding.ok);
	if (json) printJson({ ok: bad.length === 0, findings });
	else
		for (const { check, ok, message } of findings) printLine(`${ok ? "ok  " : "FAIL"}  ${check}: ${message}`);
	if (bad.length > 0) throw new CliError(`${bad.length} of ${findings.length} checks failed.`);
}

/** The backend, live or a hosted OpenSync that records, and the second destination. */
async function backendFindings(settings: Settings): Promise<Finding[]> {
	const { only, second } = await checkRecords(settings);
	const findings: Finding[] = [];
	if (only)
		findings.push({ check: "backend", ok: only.ok, message: `${only.message} It keeps a record only.` });
	else if (settings.apiKey !== "" || !second) {
		const backend = await checkBackend({ ...settings, needed: ["write"] });
		const message =
			backend.kind === "ok"
				? `${settings.convexUrl} answers and takes the key of ${backend.userName}.`
				: backend.message;
		findings.push({ check: "backend", ok: backend.kind === "ok", message });
	}
	if (second) findings.push({ check: "OpenSync", ok: second.ok, message: second.message });
	return findings;
}

function writable(check: string, path: string): Finding {
	if (!existsSync(path)) return { check, ok: true, message: `${path} will be made at the first start.` };
	try {
		accessSync(path, constants.R_OK | constants.W_OK);
		return { check, ok: true, message: `${path} can be written.` };
	} catch {
		return { check, ok: false, message: `${path} cannot be written: check its rights.` };
	}
}

function privateFile(check: string, path: string): Finding {
	if (!existsSync(path)) return { check, ok: true, message: `${path} is not there yet.` };
	const open = process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0;
	return {
		check,
		ok: !open,
		message: open ? `Others may read ${path}: run chmod 600 on it.` : `${path} is private.`,
	};
}

function sessionsFolder(path: string): Finding {
	const found = existsSync(path);
	return {
		check: "Pi sessions",
		ok: true,
		message: found
			? `Found ${path}; \`pi-opensync import --all\` brings them in.`
			: `There are none in ${path}.`,
	};
}
