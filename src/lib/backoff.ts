/** How long to wait before trying again. */

/** Long enough to spare a backend that is down, short enough that nobody waits for it when it is back. */
const MOST_MS = 15_000;
const FIRST_MS = 250;

/**
 * Doubles with each attempt (0, 1, 2, …) from 250 ms to 15 s.
 * @param spread in [0, 1): shortens the wait by up to a quarter, so that many clients do not return at once. Default 0.
 */
export function backoffMs(attempt: number, spread = 0): number {
	const full = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
	return Math.round(full * (1 - spread / 4));
}
