/**
 * Lasting ids for the entries of files that began as format 1.
 *
 * Format 1 has no entry ids. When Pi opens such a file it writes random ones into it, so neither the
 * first nor the second can name an entry. We derive the id from what the migration leaves alone, the
 * entry without `id`, `parentId` and the mark of the first kept entry, and a count for equal ones. The
 * same rule finds migrated entries in a format 2 or 3 file: Pi's migration adds `id` and `parentId` at
 * the end of the object, behind `timestamp`, and `version` behind the header's `id`; what Pi writes
 * itself has them in front. Only the leading entries of a file can be migrated ones. Everything that
 * names a migrated entry (parents, kept entries, labels) is renamed with it; all else passes untouched.
 * The session's id is not part of the hash: a fork shares ids with its parent.
 */
import { textHash } from "../lib/text-hash.ts";

export type Json = Record<string, unknown>;

/** Fields of any entry that hold an entry's id. */
const REFERENCES = ["parentId", "firstKeptEntryId", "fromId", "targetId"] as const;

export interface EntryIds {
	/** The entry under its lasting id: the same object when nothing had to change. Feed entries in file order, each once. */
	take<T extends Json>(entry: T): T;
	/** Lasting id for one found in the file. */
	lasting(id: string): string;
}

/**
 * @param header the file's first line, parsed. Null: nothing is taken for migrated.
 * @param all every entry is a format 1 entry with provisional ids, whatever its shape.
 */
export function createEntryIds(header: Readonly<Json> | null, all = false): EntryIds {
	const renamed = new Map<string, string>();
	const seen = new Map<string, number>();
	let leading = all || mayBeMigrated(header);
	return {
		take(entry) {
			if (leading && !all && !isMigrated(entry)) leading = false;
			if (leading) renamed.set(entry.id as string, derive(entry, seen));
			return renamed.size === 0 ? entry : rename(entry, renamed);
		},
		lasting: (id) => renamed.get(id) ?? id,
	};
}

function derive(entry: Json, seen: Map<string, number>): string {
	const {
		id: _id,
		parentId: _parent,
		firstKeptEntryId: _kept,
		firstKeptEntryIndex: _index,
		...content
	} = entry;
	const hash = textHash(JSON.stringify(content));
	const before = seen.get(hash) ?? 0;
	seen.set(hash, before + 1);
	return before === 0 ? `v1-${hash}` : `v1-${hash}-${before}`;
}

function rename<T extends Json>(entry: T, renamed: ReadonlyMap<string, string>): T {
	let result = entry;
	for (const field of ["id", ...REFERENCES]) {
		const other = typeof entry[field] === "string" ? renamed.get(entry[field]) : undefined;
		if (other === undefined) continue;
		if (result === entry) result = { ...entry };
		(result as Json)[field] = other;
	}
	return result;
}

/** A migrated header has its version at the end; a fork's header is always new, so its entries decide. */
function mayBeMigrated(header: Readonly<Json> | null): boolean {
	if (!header) return false;
	if (typeof header.parentSession === "string") return true;
	const keys = Object.keys(header);
	return keys.includes("version") && keys.indexOf("version") > keys.indexOf("id");
}

function isMigrated(entry: Json): boolean {
	if (typeof entry.id !== "string") return false;
	const keys = Object.keys(entry).filter((key) => key !== "firstKeptEntryId");
	const id = keys.length - 2;
	return keys[id] === "id" && keys[id + 1] === "parentId" && keys.includes("timestamp");
}
