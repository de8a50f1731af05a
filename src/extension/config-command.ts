/** `/opensync:config`: shows the settings, tests backend and key, saves, and syncs by them at once. */
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import { checkBackend } from "../backend/check.ts";
import { checkOpenSync, whatAnswers } from "../backend/opensync-check.ts";
import { loadSettings, saveSettings } from "../config/settings.ts";
import { ConfigDraft, configFields, type Field, shownValue } from "./config-fields.ts";
import { packageVersion } from "./recording.ts";
import type { Terminal } from "./terminal.ts";

const CLOSE = "Save and close";

export async function runConfig(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	if (!ctx.hasUI) return;
	const loaded = loadSettings();
	const fields = configFields(loaded.sources);
	const draft = new ConfigDraft(loaded.settings);
	for (const problem of loaded.problems) ctx.ui.notify(`OpenSync: ${problem}`, "warning");
	const wanted =
		ctx.mode === "tui"
			? await (await import("./config-screen.ts")).showConfigScreen(ctx, fields, draft)
			: await askByDialogs(ctx, fields, draft);
	if (!wanted || !draft.changed) return;

	const tested = bothOf(
		draft.reconnects ? await test(draft) : null,
		draft.recordsElsewhere ? await testRecord(draft.settings.openSyncUrl, draft.settings.openSyncKey) : null,
	);
	if (tested?.kind === "bad" && !(await ctx.ui.confirm("OpenSync: save all the same?", tested.message))) {
		ctx.ui.notify("OpenSync: nothing was saved.", "info");
		return;
	}
	await saveSettings(draft.changes);
	await terminal.restart();
	ctx.ui.notify(tested?.kind === "good" ? `OpenSync: saved. ${tested.message}` : "OpenSync: saved.", "info");
}

type Tested = { kind: "good" | "bad"; message: string };

async function test(draft: ConfigDraft): Promise<Tested> {
	const { convexUrl, siteUrl, apiKey } = draft.settings;
	const found = await whatAnswers({ convexUrl, siteUrl: siteUrl || null });
	if (found.kind === "openSync") return await testRecord(found.siteUrl, apiKey);
	const check = await checkBackend({ convexUrl, siteUrl: siteUrl || null, apiKey });
	if (check.kind !== "ok") return { kind: "bad", message: check.message };
	return {
		kind: "good",
		message: `${convexUrl} answers, and the key is ${check.userName ? `${check.userName}'s` : "good"}.`,
	};
}

async function testRecord(url: string, apiKey: string): Promise<Tested> {
	const check = await checkOpenSync({ url, apiKey, version: packageVersion() });
	return check.kind === "ok"
		? {
				kind: "good",
				message: `The OpenSync at ${check.host} answers and takes the key: sessions are recorded there.`,
			}
		: check;
}

function bothOf(first: Tested | null, second: Tested | null): Tested | null {
	if (!first || !second) return first ?? second;
	const kind = first.kind === "good" && second.kind === "good" ? "good" : "bad";
	return { kind, message: `${first.message} ${second.message}` };
}

/** Where no component can be drawn: one question after the other. False: given up. */
async function askByDialogs(
	ctx: ExtensionCommandContext,
	fields: Field[],
	draft: ConfigDraft,
): Promise<boolean> {
	for (;;) {
		const rows = fields.map((field) => `${field.label}: ${shownValue(field.name, draft.get(field.name))}`);
		const chosen = await ctx.ui.select("OpenSync settings", [...rows, CLOSE]);
		const field = chosen === undefined ? undefined : fields[rows.indexOf(chosen)];
		if (!field) return chosen === CLOSE;
		if (field.fixedBy) {
			ctx.ui.notify(`OpenSync: ${field.label} is set by ${field.fixedBy}.`, "warning");
			continue;
		}
		const answer = field.choices
			? await ctx.ui.select(field.label, [...field.choices])
			: await ctx.ui.input(field.label, field.help);
		const wrong = answer === undefined ? null : draft.set(field.name, answer);
		if (wrong) ctx.ui.notify(`OpenSync: ${wrong}`, "warning");
	}
}
