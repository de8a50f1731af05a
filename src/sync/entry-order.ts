/** The place that the backend gave each entry, and whether this terminal's file has another order. Pure. */
type Placed = Readonly<{ id: string }>;

export class EntryOrder {
	readonly #seqs = new Map<string, number>();
	/** Entries that the file had when following began: it may be ahead of the backend. */
	#first: ReadonlySet<string> = new Set();
	/** The last one that was placed. */
	#last: string | null = null;
	#isOther = false;

	/** Following begins. @param isLevel the backend has these, and no others. */
	begin(entries: readonly Placed[], isLevel: boolean): void {
		this.#first = new Set(entries.map(({ id }) => id));
		if (isLevel) this.#last = entries.at(-1)?.id ?? null;
	}

	/** An entry goes behind what the file ends with: something of this terminal's own may stand where it belongs. */
	append(fileEnd: string | undefined): void {
		if (this.#last !== null && fileEnd !== this.#last) this.#isOther = true;
	}

	place(entryId: string, seq: number): void {
		this.#last = entryId;
		this.#seqs.set(entryId, seq);
	}

	seqOf(entryId: string): number | undefined {
		return this.#seqs.get(entryId);
	}

	wasThere(entryId: string): boolean {
		return this.#first.has(entryId);
	}

	/** The order that the file is to get, by seqs; null while it has it, or while entries of its own have no place. */
	take(entries: readonly Placed[]): ReadonlyMap<string, number> | null {
		const hasPlace = ({ id }: Placed) => this.#seqs.has(id) || this.#first.has(id);
		if (!this.#isOther || !entries.every(hasPlace)) return null;
		this.#isOther = false;
		return this.#seqs;
	}
}
