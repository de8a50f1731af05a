/**
 * A message that is posted again, over what stands of it. Plugins post some of a message's fields at a
 * time: what is not posted stays, parts as well as text and counts. Text that is posted takes the place of
 * all text that stands; parts that are posted take the place of all parts.
 */
import type { AgentBlock } from "./agent-entry.ts";

type Message = {
	role: unknown;
	postedRole?: unknown;
	content: AgentBlock[];
	textContent?: string;
	model?: unknown;
	provider?: unknown;
	durationMs?: unknown;
	usage?: Usage;
};
type Usage = Partial<Record<"input" | "output" | "cacheRead" | "cacheWrite", number>> & {
	cost?: { total?: number };
};
type Entry = { type: unknown; id: unknown; timestamp?: unknown; message: Message };

/** Both lines as `agentEntry` makes them, of one message; so is the line given. One that is of another shape gives `posted`. */
export function updatedEntry(stored: string, posted: string): string {
	const before = entryOf(stored);
	const now = entryOf(posted);
	if (!before || !now) return posted;
	const [old, said] = [before.message, now.message];
	const timestamp = now.timestamp ?? before.timestamp;
	const usage = updatedUsage(old.usage, said.usage);
	const model = said.model ?? old.model;
	const provider = said.provider ?? old.provider;
	const durationMs = said.durationMs || old.durationMs;
	// The order of the keys is that of `agentEntry`: the same message is the same line.
	return JSON.stringify({
		type: now.type,
		id: now.id,
		parentId: null,
		...(timestamp === undefined ? {} : { timestamp }),
		message: {
			role: said.role,
			...(said.postedRole === undefined ? {} : { postedRole: said.postedRole }),
			...updatedContent(old, said),
			...(model === undefined ? {} : { model }),
			...(provider === undefined ? {} : { provider }),
			...(durationMs === undefined ? {} : { durationMs }),
			...(usage === undefined ? {} : { usage }),
		},
	});
}

function updatedContent(old: Message, now: Message): Pick<Message, "content" | "textContent"> {
	const told = now.content.find(isOnlyText);
	const parts = now.content.filter((block) => !isOnlyText(block));
	if (parts.length > 0) {
		const kept = old.textContent ?? textOf(old.content.find(isOnlyText));
		const speaks = told !== undefined || parts.some(({ type }) => type === "text");
		return speaks || kept === undefined
			? contentOf(now)
			: { content: [{ type: "text", text: kept, only: "textContent" }, ...parts] };
	}
	if (told === undefined) return contentOf(old);
	const oldParts = old.content.filter((block) => !isOnlyText(block));
	const spoken = oldParts.flatMap((block) => (block.type === "text" ? [block.text] : []));
	if (textOf(told) === spoken.join("\n")) return { content: oldParts };
	return { content: [told, ...oldParts.filter(({ type }) => type !== "text")] };
}

const contentOf = ({ content, textContent }: Message) => ({
	content,
	...(textContent === undefined ? {} : { textContent }),
});

const isOnlyText = (block: AgentBlock): boolean => block.type === "text" && block.only === "textContent";

const textOf = (block: AgentBlock | undefined): string | undefined =>
	block?.type === "text" ? block.text : undefined;

/** Counts that are 0 lower nothing. */
function updatedUsage(old: Usage | undefined, now: Usage | undefined): Usage | undefined {
	if (!old || !now) return now ?? old;
	return {
		input: now.input || old.input,
		output: now.output || old.output,
		cacheRead: now.cacheRead || old.cacheRead,
		cacheWrite: now.cacheWrite || old.cacheWrite,
		cost: { total: now.cost?.total || old.cost?.total },
	};
}

function entryOf(line: string): Entry | null {
	try {
		const entry = JSON.parse(line) as Entry | null;
		return entry && Array.isArray(entry.message?.content) ? entry : null;
	} catch {
		// No line of ours.
		return null;
	}
}
