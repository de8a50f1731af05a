/**
 * What a session of Codex spent itself. A fork or a sub-agent may begin with a copy of its parent's lines,
 * with new times and the parent's own header and turns in it; what those spent counts where it was spent.
 * A turn tells by its id (UUID version 7) when it was begun: one older than the session was copied. Versions
 * whose turns have no ids cannot be told apart so: there the first turn ends the copy.
 */
import { isObject, type Json, object } from "../lib/json.ts";
import { amount, text } from "./history.ts";

export type Spent = { promptTokens: number; completionTokens: number; cacheReadTokens: number };

export class CodexUsage {
	/** Whether what is read now was said in another session. */
	isCopy = false;
	#sessionId: string | null = null;
	#total: Json = {};

	/** Of every header in the file; the first one is the session's own. */
	header(meta: Json, id: string | null): void {
		if (this.#sessionId === null) this.isCopy = hasParent(meta);
		else this.isCopy = id !== this.#sessionId;
		this.#sessionId ??= id;
	}

	turn({ turn_id: id }: Json): void {
		if (!this.isCopy) return;
		const [begun, own] = [madeAt(text(id)), madeAt(this.#sessionId ?? undefined)];
		this.isCopy = begun !== undefined && own !== undefined && begun < own;
	}

	/** What was added to the running total; null when nothing new was told, or none of it is the session's. */
	spent(info: Json): Spent | null {
		const total = object(info.total_token_usage);
		if (Object.keys(total).length === 0 || isSame(total, this.#total)) return null;
		const before = this.#total;
		this.#total = total;
		if (this.isCopy) return null;
		const last = isObject(info.last_token_usage) ? info.last_token_usage : null;
		const added = (name: string): number =>
			last
				? (amount(last[name]) ?? 0)
				: Math.max(0, (amount(total[name]) ?? 0) - (amount(before[name]) ?? 0));
		const cached = added("cached_input_tokens");
		return {
			promptTokens: Math.max(0, added("input_tokens") - cached),
			completionTokens: added("output_tokens"),
			cacheReadTokens: cached,
		};
	}
}

function hasParent(meta: Json): boolean {
	const spawn = object(object(object(meta.source).subagent).thread_spawn);
	return [meta.forked_from_id, meta.parent_thread_id, spawn.parent_thread_id].some(
		(id) => text(id) !== undefined,
	);
}

/** ms since the epoch at which an id was made, for ids that tell it. */
function madeAt(id: string | undefined): number | undefined {
	const found = id === undefined ? null : /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/i.exec(id);
	return found ? Number.parseInt(`${found[1]}${found[2]}`, 16) : undefined;
}

const isSame = (a: Json, b: Json): boolean =>
	["input_tokens", "cached_input_tokens", "output_tokens"].every((name) => a[name] === b[name]);
