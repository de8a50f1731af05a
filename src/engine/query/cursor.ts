/** Pagination cursors: a place in one query's order, opaque to whoever carries it. */
import { createHash } from "node:crypto";
import type { Json } from "../values/json-value.ts";
import type { QueryJson } from "./query-json.ts";

/** `after` null is the end of the query. */
export type Cursor = { after: Uint8Array | null };

/** A cursor of another query, or none at all. Crosses as a ConvexError, which makes clients start over. */
export class InvalidCursorError extends Error {
	readonly data: Json = { isConvexSystemError: true, paginationError: "InvalidCursor" };
	constructor() {
		super(
			"InvalidCursor: Tried to run a query starting from a cursor, but it looks like this cursor is from a different query.",
		);
	}
}

/** Stands for the query: what it reads and how, without its place. */
export function fingerprintOf(query: QueryJson): string {
	return createHash("sha1").update(JSON.stringify(query)).digest("base64url").slice(0, 16);
}

export function encodeCursor(cursor: Cursor, fingerprint: string): string {
	const place = cursor.after === null ? "end" : `after.${Buffer.from(cursor.after).toString("base64url")}`;
	return `${fingerprint}.${place}`;
}

/** Throws InvalidCursorError when the text is no cursor of this query. */
export function decodeCursor(text: string, fingerprint: string): Cursor {
	const [owner, place, key] = text.split(".");
	if (owner !== fingerprint) throw new InvalidCursorError();
	if (place === "end" && key === undefined) return { after: null };
	if (place !== "after" || key === undefined) throw new InvalidCursorError();
	return { after: new Uint8Array(Buffer.from(key, "base64url")) };
}
