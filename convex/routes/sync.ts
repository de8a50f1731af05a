/** `/sync/*`: what plugins post to. Upserts by the ids of the user's agents, without time windows. */
import type { HttpRouter } from "convex/server";
import type { AgentOutcome } from "../../src/protocol/agent-session.ts";
import { asRefusal } from "../../src/protocol/errors.ts";
import { internal } from "../_generated/api.js";
import type { Id } from "../_generated/dataModel.js";
import type { ActionCtx } from "../_generated/server.js";
import { type ApiCall, apiRoute, Refused } from "./api.ts";
import { fieldsOf, listIn, type PostedMessage, postedMessage, postedSession } from "./posted.ts";
import { pushPosted } from "./storing.ts";

/** Sessions and messages in one batch. */
const BATCH_MAX_ITEMS = 2000;

const NOT_TAKEN = "Pi itself syncs this session: messages that it does not have are not taken.";

export function addSyncRoutes(http: HttpRouter): void {
	const write = { scope: "write", limit: "sync" } as const;
	apiRoute(http, { path: "/sync/session", method: "POST", ...write }, syncSession);
	apiRoute(http, { path: "/sync/message", method: "POST", ...write }, syncMessage);
	apiRoute(http, { path: "/sync/batch", method: "POST", ...write }, syncBatch);
	apiRoute(http, { path: "/sync/sessions/list", method: "GET", ...write }, listSessions);
}

async function syncSession(ctx: ActionCtx, { userId, body }: ApiCall) {
	const { session, id } = await pushPosted(ctx, userId, postedSession(body), []);
	return { ok: true, sessionId: id, outcome: session };
}

async function syncMessage(ctx: ActionCtx, { userId, body }: ApiCall) {
	const { sessionId: externalId, source, message } = postedMessage(body);
	const pushed = await pushPosted(ctx, userId, { externalId, ...(source ? { source } : {}) }, [message]);
	const [stored] = pushed.messages;
	if (!stored?.id) throw new Refused(409, NOT_TAKEN);
	return { ok: true, messageId: stored.id, outcome: stored.outcome };
}

type ItemResult = { externalId: string | null } & ({ outcome: AgentOutcome } | { error: string });

/** What is fine in a batch is stored, whatever else is in it. */
async function syncBatch(ctx: ActionCtx, { userId, body }: ApiCall) {
	const fields = fieldsOf(body, "body");
	const [sessions, messages] = [listIn(fields, "sessions"), listIn(fields, "messages")];
	if (sessions.length + messages.length > BATCH_MAX_ITEMS)
		throw new Refused(413, `A batch may have ${BATCH_MAX_ITEMS} sessions and messages at most.`);
	const results = {
		sessions: await syncSessions(ctx, userId, sessions),
		messages: await syncMessages(ctx, userId, messages),
	};
	const errors = [...errorsIn("sessions", results.sessions), ...errorsIn("messages", results.messages)];
	const stored = (items: readonly ItemResult[]) => items.filter((item) => "outcome" in item).length;
	return {
		ok: errors.length === 0,
		sessions: stored(results.sessions),
		messages: stored(results.messages),
		errors,
		results,
	};
}

const errorsIn = (what: string, items: readonly ItemResult[]): string[] =>
	items.flatMap((item, index) => ("error" in item ? [`${what}[${index}]: ${item.error}`] : []));

async function syncSessions(
	ctx: ActionCtx,
	userId: Id<"users">,
	items: readonly unknown[],
): Promise<ItemResult[]> {
	const results: ItemResult[] = [];
	for (const item of items) {
		try {
			const session = postedSession(item);
			const pushed = await pushPosted(ctx, userId, session, []);
			results.push({ externalId: session.externalId, outcome: pushed.session });
		} catch (error) {
			results.push({ externalId: idOf(item), error: whyOf(error) });
		}
	}
	return results;
}

async function syncMessages(
	ctx: ActionCtx,
	userId: Id<"users">,
	items: readonly unknown[],
): Promise<ItemResult[]> {
	const results: ItemResult[] = [];
	const groups = new Map<string, { index: number; posted: PostedMessage }[]>();
	for (const [index, item] of items.entries()) {
		try {
			const posted = postedMessage(item);
			groups.set(posted.sessionId, [...(groups.get(posted.sessionId) ?? []), { index, posted }]);
		} catch (error) {
			results[index] = { externalId: idOf(item), error: whyOf(error) };
		}
	}
	for (const [externalId, group] of groups) {
		const source = group.findLast(({ posted }) => posted.source)?.posted.source;
		const session = { externalId, ...(source ? { source } : {}) };
		const outcomes = await pushGroup(ctx, userId, session, group);
		for (const [at, { index }] of group.entries()) results[index] = outcomes[at] as ItemResult;
	}
	return results;
}

async function pushGroup(
	ctx: ActionCtx,
	userId: Id<"users">,
	session: Parameters<typeof pushPosted>[2],
	group: readonly { posted: PostedMessage }[],
): Promise<ItemResult[]> {
	const messages = group.map(({ posted }) => posted.message);
	try {
		const pushed = await pushPosted(ctx, userId, session, messages);
		return messages.map(({ externalId }, index) => {
			const { outcome, id } = pushed.messages[index] as (typeof pushed.messages)[number];
			return id ? { externalId, outcome } : { externalId, error: NOT_TAKEN };
		});
	} catch (error) {
		const why = whyOf(error);
		return messages.map(({ externalId }) => ({ externalId, error: why }));
	}
}

/** Why an item was not taken. Our own faults are none of the item's: they end the call. */
function whyOf(error: unknown): string {
	if (error instanceof Refused) return error.message;
	const refusal = asRefusal(error);
	if (refusal) return refusal.message;
	throw error;
}

function idOf(item: unknown): string | null {
	const { externalId, sessionId } = (item ?? {}) as { externalId?: unknown; sessionId?: unknown };
	const id = externalId ?? sessionId;
	return typeof id === "string" ? id : null;
}

async function listSessions(ctx: ActionCtx, { userId }: ApiCall) {
	const sessionIds: string[] = [];
	let after: string | null = null;
	do {
		const page: { ids: string[]; next: string | null } = await ctx.runQuery(
			internal.openSyncReading.sessionIds,
			{ userId, after },
		);
		sessionIds.push(...page.ids);
		after = page.next;
	} while (after !== null);
	return { sessionIds };
}
