/** What an HTTP answer tells besides its status. */

/** `Retry-After`, seconds or a date, as ms from now; null when there is none. */
export function retryAfterMs(header: string | null): number | null {
	if (!header) return null;
	const seconds = Number(header);
	const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
	return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
