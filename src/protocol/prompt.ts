/**
 * Prompts for a session from wherever somebody types them.
 *
 *            accept (turn lock)         message starts          run settles
 *   queued ───────────────────► accepted ──────────► started ──────────────► done
 *     │ withdraw                   │  │ aborted or taken back: returned
 *     └──────► withdrawn           └──┴─ holder lost, refused by Pi: failed
 *
 * The id is made by the sender: sending again is one prompt (C1), and two prompts of the same text are two.
 * Only the holder of the turn lock accepts, once, so no prompt runs twice; one whose holder is lost after
 * accepting it fails rather than be tried again, and its author gets the text back.
 */
import { type Infer, v } from "convex/values";

export const vPromptKind = v.union(
	v.literal("prompt"),
	/** Into the running turn, as Pi's steering. */
	v.literal("steer"),
	/** After the run, as Pi's follow-up. */
	v.literal("followUp"),
	/** Ends what runs; has no text. */
	v.literal("abort"),
);
export type PromptKind = Infer<typeof vPromptKind>;

export const vPromptState = v.union(
	v.literal("queued"),
	v.literal("accepted"),
	v.literal("started"),
	v.literal("done"),
	v.literal("failed"),
	/** By its author, before it was accepted. */
	v.literal("withdrawn"),
	/** By the holder, unrun: the author gets the text back. */
	v.literal("returned"),
);
export type PromptState = Infer<typeof vPromptState>;

/** JSON of a `PromptContent`, in the row or where it was uploaded when it is over the limit. */
export const vPromptBody = v.union(
	v.object({ kind: v.literal("inline"), json: v.string() }),
	v.object({ kind: v.literal("stored"), storageId: v.string(), bytes: v.number() }),
);

/** What a prompt's body holds. Images as Pi has them: base64 and MIME type. */
export type PromptContent = {
	text: string;
	images?: { type: "image"; data: string; mimeType: string }[];
};

/** `prompts:send`. */
export const vSendPrompt = v.object({
	sessionId: v.string(),
	/** Made by the sender, 12 or more random characters. */
	promptId: v.string(),
	/** The author's terminal or page. */
	terminalId: v.string(),
	kind: vPromptKind,
	body: vPromptBody,
});
export type SendPrompt = Infer<typeof vSendPrompt>;

/** `prompts:accept`, by the holder of the turn lock under its epoch. */
export const vAcceptPrompt = v.object({ promptId: v.string(), terminalId: v.string(), epoch: v.number() });
export type AcceptPrompt = Infer<typeof vAcceptPrompt>;

/** Asked again by the same holder it is accepted again: a reply that was lost costs nothing. */
export const vAccepted = v.union(
	v.object({ kind: v.literal("accepted") }),
	v.object({ kind: v.literal("gone"), state: vPromptState }),
);
export type AcceptedPrompt = Infer<typeof vAccepted>;

/** `prompts:advance`: what became of an accepted prompt, said by who accepted it. Only ever forwards. */
export const vAdvancePrompt = v.object({
	promptId: v.string(),
	terminalId: v.string(),
	state: v.union(v.literal("started"), v.literal("done"), v.literal("failed"), v.literal("returned")),
	/** Why it failed, for the author. */
	reason: v.optional(v.string()),
});
export type AdvancePrompt = Infer<typeof vAdvancePrompt>;

/** `prompts:list`: a session's prompts, oldest first; ended ones for a while. */
export const vPromptView = v.object({
	promptId: v.string(),
	terminalId: v.string(),
	kind: vPromptKind,
	state: vPromptState,
	/** Null when `url` holds it, or when the prompt has ended. */
	json: v.union(v.string(), v.null()),
	url: v.union(v.string(), v.null()),
	reason: v.union(v.string(), v.null()),
	/** Terminal that accepted it. */
	acceptedBy: v.union(v.string(), v.null()),
	createdAt: v.number(),
});
export type PromptView = Infer<typeof vPromptView>;
