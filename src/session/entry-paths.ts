/** Ways through a session's entries, as far as following needs them. Pure. */
export type PathEntry = Readonly<{ id: string; parentId: string | null }>;

/** Tells whether one entry is an ancestor of another, or the same. A damaged session may name itself: no way is longer than the file. */
export function ancestry(entries: readonly PathEntry[]): (ancestor: string, of: string) => boolean {
	const parents = new Map(entries.map(({ id, parentId }) => [id, parentId]));
	return (ancestor, of) => {
		let id: string | null = of;
		for (let steps = 0; id !== null && steps <= entries.length; steps += 1) {
			if (id === ancestor) return true;
			id = parents.get(id) ?? null;
		}
		return false;
	};
}

/** Ids of the tool calls since the last prompt whose results are not there. */
export function callsWithoutResult(entries: readonly PathEntry[]): string[] {
	const calls: string[] = [];
	const results = new Set<string>();
	for (const entry of [...entries].reverse()) {
		const { message } = entry as PathEntry & { message?: Record<string, unknown> };
		if (message?.role === "user") break;
		if (message?.role === "toolResult") results.add(String(message.toolCallId));
		if (message?.role !== "assistant" || !Array.isArray(message.content)) continue;
		for (const block of message.content as { type?: string; id?: string }[])
			if (block.type === "toolCall" && block.id) calls.push(block.id);
	}
	return calls.filter((id) => !results.has(id));
}

/** How often somebody said just this, on whatever branch. */
export function timesSaid(entries: readonly PathEntry[], text: string): number {
	return entries.filter((entry) => {
		const { message } = entry as PathEntry & { message?: { role?: string; content?: unknown } };
		if (message?.role !== "user") return false;
		if (!Array.isArray(message.content)) return message.content === text;
		return message.content.some((block) => block.type === "text" && block.text === text);
	}).length;
}

/** Entries after `from` up to `to`, newest first; null when the one does not lead to the other. */
export function wayFrom<E extends PathEntry>(
	entries: readonly E[],
	from: string | null,
	to: string | null,
): E[] | null {
	const known = new Map(entries.map((entry) => [entry.id, entry]));
	const way: E[] = [];
	let at = to;
	while (at !== from) {
		const entry = at === null ? undefined : known.get(at);
		if (!entry || way.length > entries.length) return null;
		way.push(entry);
		at = entry.parentId;
	}
	return way;
}
