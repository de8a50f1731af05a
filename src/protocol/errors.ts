/**
 * Refusals that cross the wire: `ConvexError` whose data is a `Refusal`. The set is closed; each code
 * says once what the caller does about it.
 */
import { ConvexError } from "convex/values";

export const REFUSAL_CODES = {
	/** No token, or one that does not verify. Sign in again; if a fresh token is refused too, the key is wrong. */
	signed_out: "Sign in again with a valid API key.",
	/** The API key was revoked. Make a new one with `keys create`. */
	key_revoked: "Make a new key with `pi-opensync keys create` and put it into the settings.",
	/** The key lacks the scope that the call needs (`needed`). Use another key. */
	scope_missing: "Use a key that has this scope.",
	/** No such session for this user. Open it first. */
	session_unknown: "Open the session first.",
	/** An entry's parent is neither stored nor earlier in the batch. Send from the beginning. */
	parent_missing: "Send the session's entries again from the beginning.",
	/** An entry with this id is stored with other content. Entries never change: keep the stored one and report it. */
	entry_conflict: "The stored entry stays; report the difference.",
	/** A value is outside its limits. Permanent: park the item and report it. */
	too_large: "Send it in smaller parts, or through file storage.",
	/** A value does not fit its shape. Permanent: park the item and report it. */
	invalid: "Check the value against the protocol.",
	/** The write carries an epoch of the turn lock that is over; `epoch` is the one that counts. Nothing was changed. */
	stale_epoch: "Acquire the turn lock again before going on.",
	/** The one-time sign-in code is unknown, used or too old. Ask for a new one. */
	code_invalid: "Ask for a new sign-in code.",
} as const;

export type RefusalCode = keyof typeof REFUSAL_CODES;

export type Refusal = {
	code: RefusalCode;
	/** One sentence for a person: what, and what to do. */
	message: string;
	/** Scope that was needed, for `scope_missing`. */
	needed?: string;
	/** Ids the refusal is about. */
	ids?: string[];
	/** The epoch that counts, for `stale_epoch`. */
	epoch?: number;
};

/** The error to throw in a function. `what` is one sentence; what to do about it is added from the code. */
export function refusal(
	code: RefusalCode,
	what: string,
	extra: Omit<Refusal, "code" | "message"> = {},
): ConvexError<Refusal> {
	return new ConvexError<Refusal>({ code, message: `${what} ${REFUSAL_CODES[code]}`, ...extra });
}

/** The refusal in a caught error, or null when it is something else. */
export function asRefusal(error: unknown): Refusal | null {
	if (!(error instanceof ConvexError)) return null;
	const data = error.data as Partial<Refusal> | null;
	if (!data || typeof data !== "object" || typeof data.code !== "string" || !(data.code in REFUSAL_CODES))
		return null;
	return data as Refusal;
}
