/** Hosted OpenSyncs of the settings: whether they are there and take the key, and what waits for them. */
import { checkOpenSync, whatAnswers } from "../backend/opensync-check.ts";
import { unsentSessions } from "../backend/opensync-journal.ts";
import type { Settings } from "../config/options.ts";
import { dataPaths, pathsOf } from "../config/paths.ts";
import { VERSION } from "./project.ts";

export type RecordCheck = {
	url: string;
	ok: boolean;
	/** One sentence. */
	message: string;
	/** Sessions of this machine of which something was not sent yet. */
	waiting: number;
};

/** `only`: the backend of the settings is one itself, and nothing is live. */
export async function checkRecords(
	settings: Settings,
): Promise<{ only: RecordCheck | null; second: RecordCheck | null }> {
	const { convexUrl, siteUrl, apiKey, openSyncUrl, openSyncKey } = settings;
	const found = apiKey === "" ? null : await whatAnswers({ convexUrl, siteUrl: siteUrl || null });
	return {
		only: found?.kind === "openSync" ? await checkRecord(found.siteUrl, apiKey) : null,
		second: openSyncUrl === "" ? null : await checkRecord(openSyncUrl, openSyncKey),
	};
}

async function checkRecord(url: string, apiKey: string): Promise<RecordCheck> {
	const check = await checkOpenSync({ url, apiKey, version: VERSION });
	if (check.kind === "bad") return { url, ok: false, message: check.message, waiting: 0 };
	const { recordsDir } = dataPaths(pathsOf().dataDir);
	const waiting = (await unsentSessions(recordsDir, check.siteUrl)).length;
	const rest = waiting === 0 ? "Nothing waits to be recorded" : `Of ${waiting} sessions something waits`;
	return {
		url: check.siteUrl,
		ok: true,
		message: `The OpenSync at ${check.host} answers and takes the key. ${rest}.`,
		waiting,
	};
}
