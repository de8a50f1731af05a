/**
 * Where sessions go, by the settings and by what was found out about the addresses in them: the backend, live;
 * hosted OpenSyncs, as a record. That an address is an OpenSync is kept in the data folder, so that a start
 * without a network knows it too.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSyncSite } from "../backend/site-url.ts";
import type { Settings } from "../config/options.ts";
import { dataPaths, pathsOf } from "../config/paths.ts";

export type RecordTarget = { siteUrl: string; apiKey: string };

export type Destinations = {
	/** The backend of the settings is one of ours, or may be. */
	live: boolean;
	records: RecordTarget[];
};

/** Addresses of backends that are hosted OpenSyncs, with where these answer. */
export type KnownHosts = Readonly<Record<string, string>>;

/** No key, no destination. */
export function destinationsOf(settings: Settings, known: KnownHosts): Destinations {
	const { apiKey, convexUrl, openSyncKey, openSyncUrl } = settings;
	const records: RecordTarget[] = [];
	const recorded = known[convexUrl];
	if (apiKey !== "" && recorded !== undefined) records.push({ siteUrl: recorded, apiKey });
	const second = openSyncUrl === "" || openSyncKey === "" ? null : openSyncSite(openSyncUrl);
	if (second !== null && second !== recorded) records.push({ siteUrl: second, apiKey: openSyncKey });
	return { live: apiKey !== "" && recorded === undefined, records };
}

const hostsFile = (): string => join(dataPaths(pathsOf().dataDir).recordsDir, "hosts.json");

/** What could not be written down: it holds while this session lasts. Null: the address is no OpenSync. */
const unwritten = new Map<string, string | null>();

/** Never throws: without the file the addresses are asked again. */
export function knownHosts(): KnownHosts {
	const known = new Map<string, string | null>([...writtenHosts(), ...unwritten]);
	return Object.fromEntries([...known].filter((pair): pair is [string, string] => pair[1] !== null));
}

function writtenHosts(): [string, string][] {
	try {
		const value: unknown = JSON.parse(readFileSync(hostsFile(), "utf8"));
		if (typeof value !== "object" || value === null) return [];
		return Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string");
	} catch {
		// None yet, or damaged.
		return [];
	}
}

/** Never throws: what no disk takes is known all the same. @param siteUrl where the OpenSync answers; null: the address is none. */
export function noteHost(convexUrl: string, siteUrl: string | null): void {
	unwritten.set(convexUrl, siteUrl);
	try {
		const file = hostsFile();
		const draft = `${file}.${process.pid}.draft`;
		mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
		writeFileSync(draft, JSON.stringify(knownHosts()), { mode: 0o600 });
		renameSync(draft, file);
		unwritten.clear();
	} catch {
		// A full disk, or a folder that may not be written: asked again by the next session.
	}
}
