/** Waits until `look` gives something other than null, undefined or false; it may throw meanwhile. */
export async function waitFor<T>(
	look: () => T | Promise<T>,
	what = "the condition",
	deadlineMs = 10_000,
): Promise<NonNullable<Exclude<T, false>>> {
	const until = Date.now() + deadlineMs;
	let last: unknown;
	for (;;) {
		try {
			const seen = await look();
			if (seen !== null && seen !== undefined && seen !== false)
				return seen as NonNullable<Exclude<T, false>>;
			last = seen;
		} catch (error) {
			last = error;
		}
		if (Date.now() > until)
			throw new Error(`${what} did not come about within ${deadlineMs} ms; last: ${String(last)}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}
