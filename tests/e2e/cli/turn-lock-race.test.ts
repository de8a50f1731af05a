import { afterAll, expect, test } from "bun:test";
import { ConvexClient } from "convex/browser";
import { api } from "../../../convex/_generated/api.js";
import { createSetup } from "../../support/cli.ts";

const TERMINALS = 200;
const ROUNDS = 5;

const setup = createSetup();
const clients: ConvexClient[] = [];
afterAll(async () => {
	await Promise.all(clients.map((client) => client.close()));
	await setup.dispose();
});

test(`of ${TERMINALS} terminals that race for one lock over sockets of their own, exactly one wins each time`, async () => {
	const up = await setup.up();
	const { apiKey } = JSON.parse((await setup.cli("config", "get", "apiKey", "--show-key", "--json")).stdout);
	const answer = await fetch(`${up.siteUrl}/auth/token`, {
		method: "POST",
		headers: { Authorization: `Bearer ${apiKey}` },
	});
	const { token } = (await answer.json()) as { token: string };
	for (let i = 0; i < TERMINALS; i++) {
		const client = new ConvexClient(up.url, { logger: false, unsavedChangesWarning: false });
		client.setAuth(async () => token);
		clients.push(client);
	}
	const sessionId = "race";
	const about = {
		source: "pi",
		header: null,
		projectPath: "/p",
		projectName: "p",
		machine: "m",
		startedAt: 1,
	};
	await clients[0]?.mutation(api.sessions.open, { sessionId, ...about });
	// Every socket is open and signed in before the race begins.
	await Promise.all(clients.map((client) => client.query(api.users.me, {})));
	for (let round = 1; round <= ROUNDS; round++) {
		const answers = await Promise.all(
			clients.map((client, i) =>
				client.mutation(api.turnLock.acquire, { sessionId, terminalId: `t${i}`, label: "host" }),
			),
		);
		const winners = answers.flatMap((one, i) => (one.kind === "acquired" ? [i] : []));
		expect(winners).toHaveLength(1);
		const winner = winners[0] as number;
		const losers = answers.filter((one) => one.kind === "held");
		expect(new Set(losers.map((one) => one.holder.terminalId))).toEqual(new Set([`t${winner}`]));
		expect(new Set(answers.map((one) => one.epoch))).toEqual(new Set([round]));
		const released = await clients[winner]?.mutation(api.turnLock.release, {
			sessionId,
			terminalId: `t${winner}`,
			epoch: round,
		});
		expect(released).toEqual({ kind: "released" });
	}
}, 120_000);
