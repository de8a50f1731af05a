/**
 * `.paginate()`: one page of a query.
 *
 * A page runs until it has `pageSize` matching rows. It is the last one only when the end was seen. With an
 * end cursor (an argument, or the journal of an earlier run) the page is everything up to that place, so
 * that live pages neither overlap nor leave a gap.
 */
import { LIMITS, LimitError } from "../transaction/limits.ts";
import type { Transaction } from "../transaction/transaction.ts";
import { type Cursor, decodeCursor, encodeCursor, fingerprintOf } from "./cursor.ts";
import type { QueryJson } from "./query-json.ts";
import { QueryStream } from "./query-stream.ts";
import type { Row, Window } from "./row-source.ts";

export type PageRequest = {
	query: QueryJson;
	cursor: string | null;
	endCursor: string | null;
	pageSize: number;
	maximumRowsRead: number | null;
	maximumBytesRead?: number | null;
};

export type Page = {
	/** JSON text of each document. */
	documents: string[];
	isDone: boolean;
	continueCursor: string;
	splitCursor: string | null;
	pageStatus: "SplitRequired" | "SplitRecommended" | null;
};

/** A returned page has to fit an array value (8192 items). */
const LONG_PAGE = 8192 * 0.75;

export function readPage(tx: Transaction, request: PageRequest, journal: string | null): Page {
	if (request.pageSize < 1) throw new Error("Must request at least 1 document while paginating");
	if (request.maximumRowsRead === 0 || request.maximumBytesRead === 0) {
		throw new Error("maximumRowsRead and maximumBytesRead must be greater than 0");
	}
	const fingerprint = fingerprintOf(request.query);
	const start = request.cursor === null ? null : decodeCursor(request.cursor, fingerprint);
	const endText = request.endCursor ?? journal;
	const end = endText === null ? null : decodeCursor(endText, fingerprint);
	if (start?.after === null) return finished(encodeCursor({ after: null }, fingerprint));
	const window: Window = { after: start?.after ?? null, through: end?.after ?? null };
	const reader = new PageReader(tx, request, window, end !== null);
	reader.run();
	return reader.page(end, fingerprint);
}

function finished(continueCursor: string): Page {
	return { documents: [], isDone: true, continueCursor, splitCursor: null, pageStatus: null };
}

class PageReader {
	readonly #stream: QueryStream;
	readonly #request: PageRequest;
	readonly #fixedEnd: boolean;
	readonly #documents: string[] = [];
	/** Places of all rows read, for the split cursor. */
	readonly #places: Uint8Array[] = [];
	#bytes = 0;
	#sawEnd = false;
	#overLimit = false;

	constructor(tx: Transaction, request: PageRequest, window: Window, fixedEnd: boolean) {
		this.#stream = new QueryStream(tx, request.query, window);
		this.#request = request;
		this.#fixedEnd = fixedEnd;
	}

	run(): void {
		const { pageSize } = this.#request;
		while (this.#fixedEnd || this.#documents.length < pageSize) {
			if (this.#limitReached()) {
				this.#overLimit = true;
				return;
			}
			let row: Row | null;
			try {
				const hint = this.#fixedEnd ? Number.POSITIVE_INFINITY : pageSize - this.#documents.length;
				row = this.#stream.next((read) => this.#note(read), hint);
			} catch (error) {
				if (!(error instanceof LimitError) || this.#places.length === 0) throw error;
				this.#overLimit = true;
				return;
			}
			if (!row) {
				this.#overLimit = this.#limitReached();
				this.#sawEnd = !this.#overLimit;
				return;
			}
			this.#documents.push(row.json);
		}
	}

	/** Answers whether reading may go on. */
	#note(row: Row): boolean {
		const place = this.#stream.source?.position();
		if (place) this.#places.push(place);
		this.#bytes += row.size;
		return !this.#limitReached();
	}

	#limitReached(): boolean {
		if (this.#fixedEnd) return false;
		const { maximumRowsRead, maximumBytesRead } = this.#request;
		return (
			this.#places.length >= (maximumRowsRead ?? Number.POSITIVE_INFINITY) ||
			this.#bytes >= (maximumBytesRead ?? Number.POSITIVE_INFINITY)
		);
	}

	page(end: Cursor | null, fingerprint: string): Page {
		const last = this.#places.at(-1) ?? null;
		const cursor: Cursor = end ?? (this.#sawEnd ? { after: null } : { after: last });
		const middle = this.#places.length > 2 ? this.#places[Math.floor(this.#places.length / 2)] : undefined;
		return {
			documents: this.#documents,
			isDone: cursor.after === null,
			continueCursor: encodeCursor(cursor, fingerprint),
			splitCursor: middle ? encodeCursor({ after: middle }, fingerprint) : null,
			pageStatus: this.#status(),
		};
	}

	#status(): Page["pageStatus"] {
		if (this.#overLimit) return "SplitRequired";
		const rows = Math.min(this.#request.maximumRowsRead ?? LIMITS.documentsRead, LIMITS.documentsRead);
		const bytes = Math.min(this.#request.maximumBytesRead ?? LIMITS.bytesRead, LIMITS.bytesRead);
		const much =
			this.#documents.length > LONG_PAGE || this.#places.length > rows * 0.75 || this.#bytes > bytes * 0.75;
		return much ? "SplitRecommended" : null;
	}
}
