/** Following, done to the Pi of this terminal. What Pi cannot do here is left out, never guessed. */
import { parseStreamingJson } from "@earendil-works/pi-ai";
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { PiEvent } from "../session/pi-events.ts";
import type { FollowTarget } from "../sync/follow-target.ts";
import type { SourceEntry } from "../sync/ports.ts";
import { LiveWidget } from "./live-widget.ts";
import type { PiInternals } from "./pi-internals.ts";
import { reorderLines } from "./replica.ts";

export type PiTargetOptions = {
	ctx: ExtensionContext;
	internals: PiInternals;
	/** The session's file is this terminal's: its own, or a replica. */
	ownsFile: boolean;
	isBusy: () => boolean;
	/** What is queued at the holder, as its Pi says. */
	onQueue: (steering: string[], followUp: string[]) => void;
	/** The choice names a model that this Pi does not have. */
	onUnknownModel: (name: string) => void;
	/** Draws the transcript anew the long way, where there is no other. */
	redrawByCommand: () => void;
	/** While true nothing pretends that a run is on, for Pi would refuse to draw. */
	onDrawing: (drawing: boolean) => void;
};

/** A tool that is drawn as just started although it is this old shows its true time. */
const AGED_FROM_MS = 1_000;

export function piTarget(options: PiTargetOptions): FollowTarget {
	const { ctx, internals } = options;
	const manager = ctx.sessionManager;
	const widget = internals.canInject ? null : new LiveWidget(ctx);
	let undrawn = false;
	return {
		isBusy: options.isBusy,
		has: (entryId) => manager.getEntry(entryId) !== undefined,
		entries: () => manager.getEntries() as readonly SourceEntry[],
		leafId: () => manager.getLeafId(),
		append: (entry) => internals.append(entry),
		setLeaf: (leafId) => internals.setLeaf(leafId),
		async redraw(why) {
			options.onDrawing(true);
			try {
				if (!widget) return await redrawAt(ctx, internals, why);
				options.redrawByCommand();
				return true;
			} finally {
				options.onDrawing(false);
			}
		},
		inject(event) {
			if (event.type === "queue_update") options.onQueue(texts(event.steering), texts(event.followUp));
			if (!widget) return internals.inject(event, ageOf(event));
			widget.show(event);
			undrawn = true;
		},
		refreshContext() {
			internals.refreshContext();
			// Asked for when a run is over and its entries stand: what could not be told is drawn from them.
			if (!undrawn) return;
			undrawn = false;
			widget?.clear();
			options.redrawByCommand();
		},
		applyChoice: (entry) => applyChoice(options, entry),
		parsePartial,
		...(options.ownsFile ? { reorder: (seqs) => reorder(options, seqs) } : {}),
	};
}

/** Only where no other Pi has the file: every line stays as it is, the order alone changes. */
function reorder({ ctx, internals }: PiTargetOptions, seqs: ReadonlyMap<string, number>): void {
	const manager = ctx.sessionManager;
	const file = manager.getSessionFile();
	if (file === undefined) return;
	const entries = manager.getEntries() as readonly SourceEntry[];
	const sorted = entries
		.filter(({ id }) => seqs.has(id))
		.sort((a, b) => (seqs.get(a.id) ?? 0) - (seqs.get(b.id) ?? 0));
	let next = 0;
	const ids = entries.map(({ id }) => (seqs.has(id) ? (sorted[next++] as SourceEntry).id : id));
	if (ids.every((id, index) => id === entries[index]?.id)) return;
	const leafId = manager.getLeafId();
	if (!reorderLines(file, ids)) return;
	internals.setSessionFile(file);
	internals.setLeaf(leafId);
	internals.refreshContext();
}

/** How old a tool's start is, when it is worth telling. Clocks of two machines are taken to agree. */
function ageOf(event: PiEvent): number {
	if (event.type !== "tool_execution_start" || typeof event.startedAt !== "number") return 0;
	const age = Date.now() - event.startedAt;
	return age >= AGED_FROM_MS ? age : 0;
}

function parsePartial(json: string): unknown {
	try {
		return parseStreamingJson(json);
	} catch {
		return {};
	}
}

const texts = (value: unknown): string[] =>
	Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];

/** Pi draws at an entry that is no prompt: a prompt would go back into the editor. */
async function redrawAt(
	ctx: ExtensionContext,
	internals: PiInternals,
	why: "moved" | "caughtUp",
): Promise<boolean> {
	const manager = ctx.sessionManager;
	const leafId = manager.getLeafId();
	if (leafId === null) return true;
	const prompts: SourceEntry[] = [];
	let at = manager.getEntry(leafId) as (SourceEntry & { message?: { role?: string } }) | undefined;
	while (at && (at.type === "custom_message" || (at.type === "message" && at.message?.role === "user"))) {
		prompts.unshift(at);
		at = at.parentId === null ? undefined : (manager.getEntry(at.parentId) as typeof at);
	}
	if (!at) return true;
	const count = manager.getEntries().length;
	internals.setLeaf(at.id);
	const drawn = await internals.redraw(at.id);
	if (drawn && why === "caughtUp") internals.dropNavigationLine();
	// What came of this terminal's own meanwhile goes on from there, and is drawn the next time.
	const own = manager.getEntries().slice(count);
	internals.setLeaf(own.at(-1)?.id ?? leafId);
	if (own.length > 0) return false;
	if (!drawn) return !internals.canRedraw;
	for (const prompt of prompts) {
		const { message } = prompt as { message?: unknown };
		if (message) internals.inject({ type: "message_start", message });
		else internals.inject({ type: "entry_appended", entry: prompt });
	}
	return true;
}

function applyChoice({ ctx, internals, onUnknownModel }: PiTargetOptions, entry: SourceEntry): void {
	const { provider, modelId, thinkingLevel } = entry as SourceEntry & Record<string, string>;
	if (entry.type === "thinking_level_change") internals.setChoice({ thinkingLevel });
	else {
		const model = ctx.modelRegistry.find(String(provider), String(modelId));
		if (model) internals.setChoice({ model });
		else onUnknownModel(`${provider}/${modelId}`);
	}
	internals.inject({ type: "thinking_level_changed", level: thinkingLevel });
}
