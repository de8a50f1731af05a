/** `/opensync:doctor`: one line a check, and for each that fails what to do. */
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import { checkBackend } from "../backend/check.ts";
import { checkOpenSync, whatAnswers } from "../backend/opensync-check.ts";
import { unsentSessions } from "../backend/opensync-journal.ts";
import type { Settings } from "../config/options.ts";
import { dataPaths, pathsOf } from "../config/paths.ts";
import { recordRedactionOf, redactionOf } from "../config/sending.ts";
import { loadSettings } from "../config/settings.ts";
import { isLoopback } from "../lib/loopback.ts";
import { packageVersion } from "./recording.ts";
import type { Terminal } from "./terminal.ts";

export type Finding = { kind: "good" | "bad" | "note"; text: string };

/** How far this Pi lets another terminal's run be drawn: see `pi-internals.ts`. */
const SHARING = {
	events: "another terminal's run is drawn here as it happens",
	entries:
		"this version of Pi hides what its screen hears: another terminal's run shows above the editor, and in the transcript once it is stored",
	none: "this version of Pi gives no way to follow another terminal",
};

const MARKS = { good: "✓", bad: "✗", note: "·" };

export async function runDoctor(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	if (!ctx.hasUI) return;
	const findings = [...(await checkSetup()), ...checkSession(terminal, ctx)];
	const lines = findings.map(({ kind, text }) => `  ${MARKS[kind]} ${text}`);
	ctx.ui.notify(["OpenSync doctor", ...lines].join("\n"), "info");
}

/** Settings, backend, key, redaction: nothing of it needs a session. */
export async function checkSetup(): Promise<Finding[]> {
	const { settings, problems } = loadSettings();
	const { configFile, dataDir } = pathsOf();
	const findings: Finding[] = problems.map((text) => ({ kind: "bad", text }));
	if (problems.length === 0) findings.push({ kind: "good", text: `settings read (${configFile})` });
	const hasSecond = settings.openSyncUrl !== "";
	const record = await checkRecordOnly(settings);
	if (record) findings.push(...record);
	else if (settings.apiKey !== "" || !hasSecond) findings.push(...(await checkLive(settings)));
	if (hasSecond) findings.push(...(await checkRecord(settings.openSyncUrl, settings.openSyncKey)));
	const isRecorded = record !== null || hasSecond;
	if (redactionOf(settings) || (isRecorded && recordRedactionOf(settings)))
		findings.push(await checkRedaction());
	else findings.push({ kind: "note", text: "redaction is off: entries go to the backend as they are" });
	if (settings.debug) findings.push({ kind: "note", text: `debug log: ${dataPaths(dataDir).extensionLog}` });
	return findings;
}

/** Null: the backend of the settings is no hosted OpenSync. */
async function checkRecordOnly({ convexUrl, siteUrl, apiKey }: Settings): Promise<Finding[] | null> {
	const found = await whatAnswers({ convexUrl, siteUrl: siteUrl || null });
	if (found.kind !== "openSync") return null;
	return [
		...(await checkRecord(found.siteUrl, apiKey)),
		{ kind: "note", text: "an OpenSync keeps a record: following and sharing need a backend of pi-opensync" },
	];
}

async function checkRecord(url: string, apiKey: string): Promise<Finding[]> {
	const check = await checkOpenSync({ url, apiKey, version: packageVersion() });
	if (check.kind === "bad") return [{ kind: "bad", text: check.message }];
	const waiting = await unsentSessions(dataPaths(pathsOf().dataDir).recordsDir, check.siteUrl);
	return [
		{ kind: "good", text: `the OpenSync at ${check.host} answers and takes the key` },
		...(waiting.length > 0
			? [
					{
						kind: "note" as const,
						text: `of ${waiting.length} sessions something waits to be recorded there`,
					},
				]
			: []),
	];
}

async function checkLive(settings: Settings): Promise<Finding[]> {
	const findings: Finding[] = [];
	const check = await checkBackend({
		convexUrl: settings.convexUrl,
		siteUrl: settings.siteUrl || null,
		apiKey: settings.apiKey,
	});
	if (check.kind === "ok") {
		findings.push({ kind: "good", text: `${settings.convexUrl} answers (protocol ${check.version})` });
		findings.push({
			kind: "good",
			text: `the key is good (${check.userName || "no name"}; ${check.scopes.join(", ")})`,
		});
	} else {
		findings.push({ kind: "bad", text: check.message });
		if (check.kind === "unreachable" && isLoopback(settings.convexUrl)) {
			findings.push({
				kind: "note",
				text: "the embedded backend is started with `npm start` in the folder of pi-opensync",
			});
		}
	}
	return findings;
}

async function checkRedaction(): Promise<Finding> {
	try {
		const { createOutgoing } = await import("../redaction/outgoing.ts");
		await createOutgoing({ redact: true, toolCalls: true, thinking: true });
		return { kind: "good", text: "redaction is on and its rules load" };
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		return {
			kind: "bad",
			text: `the redaction rules cannot be loaded (${why}): reinstall pi-opensync; until then nothing is sent`,
		};
	}
}

function checkSession(terminal: Terminal, ctx: ExtensionCommandContext): Finding[] {
	const { condition } = terminal;
	const findings: Finding[] = [];
	if (!ctx.sessionManager.getSessionFile()) {
		findings.push({
			kind: "note",
			text: "this session is not stored on this machine (--no-session): what is unsent when Pi ends is gone",
		});
	}
	if (condition.kind === "syncing" || condition.kind === "recording") {
		for (const { host, link, queued, parked } of condition.records ?? [])
			findings.push({
				kind: link === "recording" && parked.length === 0 ? "good" : "bad",
				text: `the record of this session at ${host}: ${link}, ${queued} queued, ${parked.length} refused`,
			});
	}
	if (condition.kind === "syncing") {
		const { link, queued, parked } = condition.state;
		const good = link === "live" && parked.length === 0;
		findings.push({
			kind: good ? "good" : "bad",
			text: `this session: ${link}, ${queued} queued, ${parked.length} refused`,
		});
	} else if (condition.kind !== "recording") {
		findings.push({
			kind: condition.kind === "off" ? "note" : "bad",
			text: `this session is not synced (${condition.kind})`,
		});
	}
	const path = terminal.internals?.path ?? "none";
	findings.push({ kind: path === "events" ? "good" : "note", text: SHARING[path] });
	const dropped = terminal.shared?.state.dropped ?? 0;
	if (dropped > 0)
		findings.push({
			kind: "note",
			text: `${dropped} events or entries of another terminal could not be drawn`,
		});
	if (terminal.lastFailure) findings.push({ kind: "note", text: `last failure: ${terminal.lastFailure}` });
	return findings;
}
