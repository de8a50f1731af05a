import type { Clock } from "./clock.ts";

/** Settles with the work, or after `ms` if that is sooner; rejects as the work does. No timer stays behind. */
export function settledWithin(
	work: Promise<unknown>,
	clock: Pick<Clock, "after">,
	ms: number,
): Promise<void> {
	return new Promise((resolve, reject) => {
		const cancel = clock.after(ms, resolve);
		work.then(() => resolve(), reject).finally(cancel);
	});
}
