import { expect } from "bun:test";
import { api, internal } from "../../convex/_generated/api.js";
import { QUESTION_MAX_BYTES } from "../../src/protocol/limits.ts";
import type { Ask } from "../../src/protocol/question.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { session, tell } from "./stories.ts";

const HOUR_MS = 60 * 60 * 1000;
const question = (questionId: string, extra: Partial<Ask> = {}): Ask => ({
	sessionId: "s",
	questionId,
	terminalId: "asker",
	kind: "confirm",
	title: "Sure?",
	...extra,
});
const ask = (client: Client, questionId: string, extra: Partial<Ask> = {}) =>
	client.mutation(api.questions.ask, question(questionId, extra));
const answer = async (client: Client, questionId: string, terminalId: string, value: string | null) =>
	(await client.mutation(api.questions.answer, { questionId, terminalId, value })).kind;
const close = (client: Client, questionId: string) => client.mutation(api.questions.close, { questionId });
const list = (client: Client, sessionId = "s") => client.query(api.questions.list, { sessionId });
const ids = async (client: Client) => (await list(client)).map((one) => one.questionId);

async function opened(app: App): Promise<Client> {
	const client = await app.signIn();
	await tell(client, session("s"));
	return client;
}

scenario("a question is shown as it was asked, oldest first", async (app) => {
	const client = await opened(app);
	const select = { kind: "select" as const, title: "Which?", options: ["a", "b"], message: "one of them" };
	await ask(client, "q1", select);
	await ask(client, "q2", { kind: "input", placeholder: "a name" });
	await ask(client, "q3", { kind: "editor", prefill: "text" });
	expect((await list(client))[0]).toEqual({
		...question("q1", select),
		answer: null,
		createdAt: storyStart(),
	});
	expect((await list(client)).slice(1)).toMatchObject([
		{ questionId: "q2", placeholder: "a name" },
		{ questionId: "q3", prefill: "text" },
	]);
});

scenario("asking again is one question, and an answer outlives it", async (app) => {
	const client = await opened(app);
	await ask(client, "q1");
	await ask(client, "q1");
	expect(await ids(client)).toEqual(["q1"]);
	await answer(client, "q1", "b", "yes");
	await ask(client, "q1");
	expect(await list(client)).toMatchObject([{ answer: { value: "yes", terminalId: "b" } }]);
});

scenario("the first answer counts, and said again by its author it is still the first (C3)", async (app) => {
	const client = await opened(app);
	await ask(client, "q1");
	expect(await answer(client, "q1", "b", "yes")).toBe("first");
	expect(await answer(client, "q1", "c", "no")).toBe("late");
	expect(await answer(client, "q1", "c", "yes")).toBe("late");
	expect(await answer(client, "q1", "b", "yes")).toBe("first");
	expect(await answer(client, "q1", "b", "no")).toBe("late");
	expect(await answer(client, "q1", "b", null)).toBe("late");
	expect(await list(client)).toMatchObject([{ answer: { value: "yes", terminalId: "b" } }]);
});

scenario("a dialog may be given up, and that too is an answer", async (app) => {
	const client = await opened(app);
	await ask(client, "q1");
	expect(await answer(client, "q1", "b", null)).toBe("first");
	expect(await answer(client, "q1", "b", null)).toBe("first");
	expect(await answer(client, "q1", "c", "yes")).toBe("late");
	expect(await list(client)).toMatchObject([{ answer: { value: null, terminalId: "b" } }]);
});

scenario("a closed question is gone, and every answer is late", async (app) => {
	const client = await opened(app);
	await ask(client, "q1");
	await close(client, "q1");
	await close(client, "q1");
	expect(await list(client)).toEqual([]);
	expect(await answer(client, "q1", "b", "yes")).toBe("late");
	expect(await answer(client, "never asked", "b", "yes")).toBe("late");
});

scenario("what is asked and answered is bounded", async (app) => {
	const client = await opened(app);
	const half = "x".repeat(QUESTION_MAX_BYTES / 2);
	const over: Partial<Ask>[] = [
		{ prefill: half + half },
		{ title: half, message: half },
		{ title: half, options: [half] },
		{ title: half, placeholder: half },
		{ title: "ü".repeat(QUESTION_MAX_BYTES / 2 + 1) },
	];
	for (const extra of over) {
		expect(await client.refused(api.questions.ask, question("q1", extra))).toBe("too_large");
	}
	await ask(client, "q1", { prefill: half });
	const long = { questionId: "q1", terminalId: "b", value: `${half}${half}x` };
	expect(await client.refused(api.questions.answer, long)).toBe("too_large");
	for (let n = 2; n <= 20; n++) await ask(client, `q${n}`);
	expect(await client.refused(api.questions.ask, question("one-more"))).toBe("too_large");
	await close(client, "q7");
	await ask(client, "one-more");
	expect(await ids(client)).toHaveLength(20);
});

scenario("ids and sessions that cannot be are refused", async (app) => {
	const client = await opened(app);
	await tell(client, session("s2"));
	await ask(client, "q1");
	const refused = (extra: Partial<Ask>) => client.refused(api.questions.ask, question("q2", extra));
	expect(await refused({ questionId: "q1", sessionId: "s2" })).toBe("invalid");
	expect(await refused({ questionId: "" })).toBe("invalid");
	expect(await refused({ terminalId: "" })).toBe("invalid");
	expect(await refused({ sessionId: "nowhere" })).toBe("session_unknown");
	expect(await client.refused(api.questions.answer, { questionId: "q1", terminalId: "", value: "yes" })).toBe(
		"invalid",
	);
});

scenario("each call on questions needs its scope and its user", async (app) => {
	const client = await opened(app);
	await ask(client, "q1");
	const reader = await app.signIn({ scopes: ["read"] });
	const writer = await app.signIn({ scopes: ["write"] });
	const answered = { questionId: "q1", terminalId: "b", value: "yes" };
	expect(await ids(reader)).toEqual(["q1"]);
	expect(await reader.refused(api.questions.ask, question("q2"))).toBe("scope_missing");
	expect(await reader.refused(api.questions.close, { questionId: "q1" })).toBe("scope_missing");
	expect(await reader.refused(api.questions.answer, answered)).toBe("scope_missing");
	expect(await writer.refused(api.questions.answer, answered)).toBe("scope_missing");
	expect(await writer.refused(api.questions.list, { sessionId: "s" })).toBe("scope_missing");
	const stranger = await app.signIn({ user: "stranger" });
	await tell(stranger, session("s"));
	expect(await list(stranger)).toEqual([]);
	expect(await stranger.refused(api.questions.ask, question("q1"))).toBe("invalid");
	expect(await answer(stranger, "q1", "b", "yes")).toBe("late");
	await close(stranger, "q1");
	expect(await list(client)).toMatchObject([{ questionId: "q1", answer: null }]);
});

scenario(
	"a question of a terminal that left no trace is swept up in the end, a present one's stays",
	async (app) => {
		const client = await opened(app);
		await ask(client, "q1");
		await app.pass(HOUR_MS);
		await ask(client, "q2");
		await app.pass(1000);
		await app.runMutation(internal.garbage.sweep, {});
		expect(await ids(client)).toEqual(["q2"]);
		await client.mutation(api.presence.beat, {
			clientId: "asker",
			kind: "terminal",
			sessionId: "s",
			watching: false,
			label: "laptop",
		});
		await app.runMutation(internal.garbage.sweep, {});
		expect(await ids(client)).toEqual(["q2"]);
	},
);

scenario("questions go with their session", async (app) => {
	const client = await opened(app);
	await ask(client, "q1");
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	expect(await app.runner.rows("questions")).toBe(0);
	await app.settle();
});
