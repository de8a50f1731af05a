/** What one function execution may read and write, as Convex documents it. */

export const LIMITS = {
	bytesRead: 16 * 1024 * 1024,
	bytesWritten: 16 * 1024 * 1024,
	databaseQueries: 4096,
	documentsRead: 32_000,
	documentsWritten: 16_000,
	functionsScheduled: 1000,
	scheduledFunctionArgsBytes: 16 * 1024 * 1024,
	filesWritten: 1000,
	fileWriteBytes: 128 * 1024 * 1024,
	filesRead: 1000,
	fileReadBytes: 128 * 1024 * 1024,
};

export type Metric = keyof typeof LIMITS;

const ADVICE =
	" Consider using smaller limits in your queries, paginating your queries, or using indexed queries with a selective index range expressions.";

/** Texts by metric. The code at the end is what the backend calls the limit. */
const TEXTS: Record<Metric, (limit: number) => string> = {
	documentsRead: (limit) =>
		`Too many documents read in a single function execution (limit: ${limit}).${ADVICE} (TooManyDocumentsRead)`,
	bytesRead: (limit) =>
		`Too many bytes read in a single function execution (limit: ${limit} bytes).${ADVICE} (TooManyBytesRead)`,
	databaseQueries: (limit) =>
		`Too many reads in a single function execution (limit: ${limit}).${ADVICE} (TooManyReads)`,
	documentsWritten: (limit) =>
		`Too many writes in a single function execution (limit: ${limit}) (TooManyWrites)`,
	bytesWritten: (limit) =>
		`Too many bytes written in a single function execution (limit: ${limit} bytes) (TooManyBytesWritten)`,
	functionsScheduled: (limit) =>
		`Too many functions scheduled by this mutation (limit: ${limit}) (TooManyFunctionsScheduled)`,
	scheduledFunctionArgsBytes: (limit) =>
		`Too large total size of the arguments of scheduled functions from this mutation (limit: ${limit} bytes) (ScheduledFunctionsArgumentsTooLarge)`,
	filesWritten: (limit) => `Too many files stored by this mutation (limit: ${limit}) (TooManyFilesWritten)`,
	fileWriteBytes: (limit) =>
		`Too many bytes stored in files by this mutation (limit: ${limit} bytes) (TooManyFileBytesWritten)`,
	filesRead: (limit) => `Too many files read by this mutation (limit: ${limit}) (TooManyFilesRead)`,
	fileReadBytes: (limit) =>
		`Too many bytes read from files by this mutation (limit: ${limit} bytes) (TooManyFileBytesRead)`,
};

/** A documented limit was passed. */
export class LimitError extends Error {
	readonly metric: Metric;
	constructor(metric: Metric, limit: number) {
		super(TEXTS[metric](limit));
		this.metric = metric;
	}
}

/** Counts what an execution uses. A nested call may have tighter limits; its use counts for its caller too. */
export class Usage {
	readonly used: Record<Metric, number> = {
		bytesRead: 0,
		bytesWritten: 0,
		databaseQueries: 0,
		documentsRead: 0,
		documentsWritten: 0,
		functionsScheduled: 0,
		scheduledFunctionArgsBytes: 0,
		filesWritten: 0,
		fileWriteBytes: 0,
		filesRead: 0,
		fileReadBytes: 0,
	};
	readonly #limits: Record<Metric, number>;
	readonly #outer: Usage | null;

	constructor(limits: Partial<Record<Metric, number>> = {}, outer: Usage | null = null) {
		this.#limits = { ...LIMITS, ...limits };
		this.#outer = outer;
	}

	add(metric: Metric, amount: number): void {
		this.#outer?.add(metric, amount);
		this.used[metric] += amount;
		if (this.used[metric] > this.#limits[metric]) throw new LimitError(metric, this.#limits[metric]);
	}

	read(bytes: number): void {
		this.add("documentsRead", 1);
		this.add("bytesRead", bytes);
	}

	write(bytes: number): void {
		this.add("documentsWritten", 1);
		this.add("bytesWritten", bytes);
	}

	/** What is used and left of each, by name. */
	metrics(): Record<string, { used: number; remaining: number }> {
		const entries = Object.entries(this.used).map(([metric, used]) => {
			const remaining = Math.max(0, this.#limits[metric as Metric] - used);
			return [metric, { remaining, used }];
		});
		return Object.fromEntries(entries);
	}
}
