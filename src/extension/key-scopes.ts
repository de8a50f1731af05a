/** What this terminal's key may do, once the backend has said so. */
import type { Clock } from "../lib/clock.ts";
import type { Scope } from "../protocol/access.ts";
import type { LiveBackend } from "../sync/ports.ts";

const AGAIN_MS = 2_000;

/** Asked until it is known; null: nobody wants to know any more. */
export async function learnScopes(
	backend: Pick<LiveBackend, "scopes">,
	clock: Clock,
	isOver: () => boolean,
): Promise<readonly Scope[] | null> {
	for (;;) {
		const scopes = await backend.scopes().catch(() => null);
		if (isOver()) return null;
		if (scopes) return scopes;
		await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
	}
}
