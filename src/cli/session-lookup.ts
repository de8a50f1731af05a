/** Sessions by id or by the beginning of one. */
import { api } from "../../convex/_generated/api.js";
import { plainLine } from "../lib/plain-text.ts";
import type { SessionView } from "../protocol/session.ts";
import type { Client } from "./client.ts";
import { CliError, usageError } from "./output.ts";

const PAGE = 200;

export async function listSessions(client: Client, limit: number): Promise<SessionView[]> {
	const found: SessionView[] = [];
	let cursor: string | null = null;
	while (found.length < limit) {
		const numItems = Math.min(PAGE, limit - found.length);
		const result: { page: SessionView[]; isDone: boolean; continueCursor: string } = await client.query(
			api.sessions.list,
			{
				paginationOpts: { numItems, cursor },
			},
		);
		found.push(...result.page);
		if (result.isDone) break;
		cursor = result.continueCursor;
	}
	return found.slice(0, limit);
}

/** The one session that `id` means; a prefix is enough when it fits only one. */
export async function findOneSession(client: Client, id: string): Promise<SessionView> {
	const exact = await client.query(api.sessions.get, { sessionId: id });
	if (exact) return exact;
	const all = await listSessions(client, Number.POSITIVE_INFINITY);
	const fitting = all.filter((session) => id !== "" && session.sessionId.startsWith(id));
	const [only] = fitting;
	if (fitting.length === 1 && only) return only;
	if (fitting.length === 0)
		throw new CliError(`There is no session ${id}: see \`pi-opensync sessions list\`.`);
	const shown = fitting
		.slice(0, 10)
		.map((session) => plainLine(`  ${session.sessionId}  ${session.title ?? ""}`).trimEnd());
	throw usageError(`${id} fits ${fitting.length} sessions; give more of the id:\n${shown.join("\n")}`);
}
