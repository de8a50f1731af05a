/**
 * What an import from a hosted OpenSync has done, so that the next one need not: for each session when it
 * had last changed there. It is a shortcut and no more: without it everything is compared again.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type ImportState = {
	/** `updatedAt` at which the session was brought; undefined when it never was. */
	doneAt(externalId: string): number | undefined;
	/** Written to disk soon, and at `flush`. */
	done(externalId: string, updatedAt: number): void;
	flush(): void;
};

/** At most this much is done again after a crash. */
const WRITE_EVERY_MS = 500;

/** One file for each pair of places and users; one that cannot be read counts as empty. */
export function openImportState(dataDir: string, ...of: readonly string[]): ImportState {
	const pair = createHash("sha256").update(of.join("\n")).digest("hex").slice(0, 16);
	const path = join(dataDir, "imports", `opensync-${pair}.json`);
	const sessions = new Map(Object.entries(readDone(path)));
	let writtenAt = 0;
	let isDirty = false;
	const flush = (): void => {
		if (!isDirty) return;
		isDirty = false;
		writtenAt = performance.now();
		try {
			mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
			const draft = `${path}.${process.pid}.tmp`;
			writeFileSync(draft, JSON.stringify({ sessions: Object.fromEntries(sessions) }), { mode: 0o600 });
			renameSync(draft, path);
		} catch {
			// Then the next import compares more than it must.
		}
	};
	return {
		doneAt: (externalId) => sessions.get(externalId),
		done(externalId, updatedAt) {
			sessions.set(externalId, updatedAt);
			isDirty = true;
			if (performance.now() - writtenAt >= WRITE_EVERY_MS) flush();
		},
		flush,
	};
}

function readDone(path: string): Record<string, number> {
	try {
		const { sessions } = JSON.parse(readFileSync(path, "utf8")) as { sessions?: unknown };
		if (typeof sessions !== "object" || sessions === null) return {};
		return Object.fromEntries(
			Object.entries(sessions).filter((one): one is [string, number] => typeof one[1] === "number"),
		);
	} catch {
		return {};
	}
}
