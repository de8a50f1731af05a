/**
 * Folds the ops of a running stream into what a person sees: messages with their blocks, tools with
 * their output. Views are immutable and share what did not change, so a page can compare by identity.
 *
 * Folding may begin at any position. What was folded already is skipped; a range that begins behind the
 * view's end is a gap and is returned as such, never guessed over (S1). An op of a shape unknown to us
 * counts for its position and changes nothing.
 */
import type { DeltaOp } from "../protocol/stream.ts";

export type LiveBlock =
	| { kind: "text"; text: string }
	| { kind: "thinking"; text: string }
	/** `args` is the JSON text so far. */
	| { kind: "toolCall"; toolCallId: string; toolName: string; args: string };

export type LiveMessage = {
	role: string;
	/** By content index; an index that said nothing yet is null. */
	blocks: readonly (LiveBlock | null)[];
	/** Position of its first op. */
	start: number;
	/** Position after its last op, null while it grows. */
	end: number | null;
};

export type LiveTool = {
	toolCallId: string;
	toolName: string;
	/** JSON text. */
	args: string;
	output: string;
	/** Position of its first op. */
	start: number;
	ended: boolean;
	isError: boolean;
};

export type LiveView = {
	/** The ops of `[start, end)` are in it. */
	start: number;
	end: number;
	messages: readonly LiveMessage[];
	/** In the order in which they started. */
	tools: readonly LiveTool[];
	/** The newest note, null when there is none. */
	note: string | null;
};

export type Folded = { kind: "folded"; view: LiveView } | { kind: "gap"; expected: number; got: number };

export function emptyView(start: number): LiveView {
	return { start, end: start, messages: [], tools: [], note: null };
}

/** Folds the ops of the range that begins at `start`. Ops before the view's end are skipped. */
export function foldOps(view: LiveView, start: number, ops: readonly unknown[]): Folded {
	if (start > view.end) return { kind: "gap", expected: view.end, got: start };
	if (start + ops.length <= view.end) return { kind: "folded", view };
	const draft: Draft = { ...view, messages: [...view.messages], tools: [...view.tools], fresh: new Set() };
	for (let index = view.end - start; index < ops.length; index += 1) {
		const op = ops[index];
		if (isDeltaOp(op)) apply(draft, op);
		draft.end += 1;
	}
	const { fresh: _fresh, ...folded } = draft;
	return { kind: "folded", view: folded };
}

/**
 * Drops what stored entries cover (S2). A stream settles between messages only, so whatever began before
 * `settled` is covered, also a message whose last ops were never sent.
 */
export function settleView(view: LiveView, settled: number): LiveView {
	const messages = view.messages.filter((message) => message.start >= settled);
	const tools = view.tools.filter((tool) => tool.start >= settled);
	if (messages.length === view.messages.length && tools.length === view.tools.length) return view;
	return { ...view, messages, tools };
}

const SHAPES: Record<string, readonly string[]> = {
	m: ["string"],
	t: ["number", "string"],
	h: ["number", "string"],
	c: ["number", "string", "string"],
	a: ["number", "string"],
	e: [],
	x: ["string", "string", "string"],
	o: ["string", "number", "string"],
	d: ["string", "number"],
	n: ["string"],
	v: ["number", "string"],
};

/** More blocks than any message has; bounds what a bad index could allocate. */
const MAX_BLOCKS = 10_000;

export function isDeltaOp(op: unknown): op is DeltaOp {
	if (!Array.isArray(op) || typeof op[0] !== "string" || !Object.hasOwn(SHAPES, op[0])) return false;
	const shape = SHAPES[op[0]] as readonly string[];
	if (op.length !== shape.length + 1 || shape.some((type, index) => typeof op[index + 1] !== type))
		return false;
	const isIndexed = "thca".includes(op[0]);
	return !isIndexed || (Number.isInteger(op[1]) && op[1] >= 0 && op[1] < MAX_BLOCKS);
}

/** A view in the making; `fresh` holds the objects made in this fold, which may be written to. */
type Draft = { -readonly [K in keyof LiveView]: LiveView[K] } & {
	messages: LiveMessage[];
	tools: LiveTool[];
	fresh: Set<unknown>;
};

function apply(draft: Draft, op: DeltaOp): void {
	switch (op[0]) {
		case "m":
			closeMessage(draft);
			draft.messages.push(own(draft, { role: op[1], blocks: own(draft, []), start: draft.end, end: null }));
			return;
		case "t":
		case "h":
		case "a":
			growBlock(draft, op);
			return;
		case "c":
			setBlock(draft, op[1], { kind: "toolCall", toolCallId: op[2], toolName: op[3], args: "" });
			return;
		case "e":
			openMessage(draft).end = draft.end + 1;
			return;
		case "x":
			startTool(draft, op);
			return;
		case "o":
			changeTool(draft, op[1], (tool) => {
				tool.output =
					op[2] >= tool.output.length
						? tool.output + op[3]
						: tool.output.slice(0, Math.max(0, op[2])) + op[3];
			});
			return;
		case "d":
			changeTool(draft, op[1], (tool) => {
				tool.ended = true;
				tool.isError = op[2] === 1;
			});
			return;
		case "n":
			draft.note = op[1];
			return;
		case "v":
			// For terminals; a page has all of it from the others.
			return;
		default:
			op satisfies never;
	}
}

function own<T>(draft: Draft, value: T): T {
	draft.fresh.add(value);
	return value;
}

/** A message begins: one whose end was never said has ended. */
function closeMessage(draft: Draft): void {
	if (draft.messages.at(-1)?.end === null) openMessage(draft).end = draft.end;
}

/** The message that grows, writable; made when folding began in its midst. */
function openMessage(draft: Draft): { -readonly [K in keyof LiveMessage]: LiveMessage[K] } {
	const last = draft.messages.at(-1);
	if (!last || last.end !== null) {
		const message: LiveMessage = own(draft, {
			role: "assistant",
			blocks: own(draft, []),
			start: draft.end,
			end: null,
		});
		draft.messages.push(message);
		return message;
	}
	if (draft.fresh.has(last)) return last;
	const copy = own(draft, { ...last, blocks: own(draft, [...last.blocks]) });
	draft.messages[draft.messages.length - 1] = copy;
	return copy;
}

function setBlock(draft: Draft, index: number, block: LiveBlock): void {
	const blocks = openMessage(draft).blocks as (LiveBlock | null)[];
	while (blocks.length <= index) blocks.push(null);
	blocks[index] = own(draft, block);
}

function growBlock(draft: Draft, op: ["t" | "h" | "a", number, string]): void {
	const [code, index, more] = op;
	const block = openMessage(draft).blocks[index] ?? null;
	if (code === "a") {
		if (block?.kind !== "toolCall") return;
		if (draft.fresh.has(block)) block.args += more;
		else setBlock(draft, index, { ...block, args: block.args + more });
		return;
	}
	const kind = code === "t" ? "text" : "thinking";
	if (block?.kind !== kind) setBlock(draft, index, { kind, text: more });
	else if (draft.fresh.has(block)) block.text += more;
	else setBlock(draft, index, { kind, text: block.text + more });
}

function startTool(draft: Draft, [, toolCallId, toolName, args]: ["x", string, string, string]): void {
	const tool = own(draft, {
		toolCallId,
		toolName,
		args,
		output: "",
		start: draft.end,
		ended: false,
		isError: false,
	});
	const at = draft.tools.findIndex((one) => one.toolCallId === toolCallId);
	if (at === -1) draft.tools.push(tool);
	else draft.tools[at] = tool;
}

/** Output of a tool whose start was settled away before folding began has no place; it is dropped. */
function changeTool(draft: Draft, toolCallId: string, change: (tool: LiveTool) => void): void {
	const at = draft.tools.findIndex((one) => one.toolCallId === toolCallId);
	const tool = draft.tools[at];
	if (!tool) return;
	const copy = draft.fresh.has(tool) ? tool : own(draft, { ...tool });
	change(copy);
	draft.tools[at] = copy;
}
