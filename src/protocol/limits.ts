/** Sizes and times both sides agree on. Bytes are UTF-8 bytes. */

/** Largest entry JSON kept in its row. Convex refuses documents above 1 MiB; a page of 50 such rows must stay under its 16 MiB read limit. */
export const INLINE_ENTRY_BYTES = 256 * 1024;
/** An entry that holds an image goes to file storage above this size: lists should not carry pictures. */
export const INLINE_IMAGE_ENTRY_BYTES = 16 * 1024;
/** One append. Convex limits a mutation's arguments to 16 MiB and its writes to 16,000 documents. */
export const APPEND_MAX_ENTRIES = 200;
export const APPEND_MAX_BYTES = 4 * 1024 * 1024;
/** One push of deltas; a longer one is cut into several. */
export const PUSH_MAX_BYTES = 128 * 1024;
/** Rows a page of entries may ask for. */
export const PAGE_MAX_ENTRIES = 200;
/** Text kept for lists and search. */
export const PREVIEW_CHARS = 200;
export const TITLE_CHARS = 100;

/** A terminal or page says that it is there this often. */
export const PRESENCE_BEAT_MS = 10_000;
/** Silent for this long counts as gone: two missed beats and some slack. */
export const PRESENCE_DEADLINE_MS = 25_000;

/** Life of a token made from an API key. Revoking a key takes effect at once all the same: it is looked up on every call. */
export const TOKEN_TTL_MS = 60 * 60 * 1000;
/** Life of a one-time sign-in code. */
export const SIGN_IN_CODE_TTL_MS = 15 * 60 * 1000;
/** `aud` of our tokens. */
export const TOKEN_AUDIENCE = "pi-opensync";

/** A turn lock that is not renewed for this long has expired. */
export const TURN_LOCK_MS = 10_000;
/** A holder renews this often: two renewals may be lost. */
export const TURN_LOCK_RENEW_MS = 3_000;
/** A terminal waits this long for the turn lock when a prompt is entered; then it goes on without. */
export const TURN_LOCK_WAIT_MS = 1_500;

/** Text and images of a prompt above this size go through file storage. */
export const INLINE_PROMPT_BYTES = 256 * 1024;
/** A prompt that nobody accepted for this long, and whose author has left, is not run any more: what it meant is past. */
export const PROMPT_WAIT_MS = 10 * 60 * 1000;
/** Ended prompts are kept this long, so that their author learns what became of them. */
export const PROMPT_KEPT_MS = 60 * 60 * 1000;
/** Text of a question in all: title, message, options and what is there to edit. */
export const QUESTION_MAX_BYTES = 128 * 1024;
