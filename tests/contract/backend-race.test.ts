/** Many terminals that want the turn lock of one session at once, each with a connection of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createConvexBackend } from "../../src/backend/convex-backend.ts";
import type { TurnLock } from "../../src/protocol/turn-lock.ts";
import type { LiveBackend } from "../../src/sync/ports.ts";
import { createSetup, type Setup } from "../support/cli.ts";
import { waitFor } from "../support/wait-for.ts";

const TERMINALS = 200;
const ROUNDS = 5;
const SESSION = "race";
/** Two cores and noisy neighbours: late is late, not wrong. */
const PATIENT_MS = 60_000;

let setup: Setup;
const terminals: { terminalId: string; backend: LiveBackend; lock: TurnLock | null }[] = [];

beforeAll(async () => {
	setup = createSetup();
	const up = await setup.up();
	const { stdout } = await setup.cli("keys", "create", "--json");
	const { key: apiKey } = JSON.parse(stdout) as { key: string };
	for (let n = 0; n < TERMINALS; n++) {
		const backend = createConvexBackend({
			convexUrl: up.url,
			siteUrl: up.siteUrl,
			apiKey,
			deadlineMs: PATIENT_MS,
		});
		const terminal: (typeof terminals)[number] = { terminalId: `terminal-${n}`, backend, lock: null };
		backend.onTurnLock(SESSION, (lock) => {
			terminal.lock = lock;
		});
		terminals.push(terminal);
	}
	await terminals[0]?.backend.openSession({
		sessionId: SESSION,
		source: "pi",
		header: null,
		projectPath: "/p",
		projectName: "p",
		machine: "here",
		startedAt: 1,
	});
	await waitFor(() => terminals.every(({ lock }) => lock !== null), "every subscription", PATIENT_MS);
}, 120_000);

afterAll(async () => {
	await Promise.all(terminals.map(({ backend }) => backend.close()));
	await setup?.dispose();
}, 30_000);

test(`of ${TERMINALS} terminals that want the lock at once exactly one gets it, each time, and all see who`, async () => {
	let last = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const answers = await Promise.all(
			terminals.map(async ({ terminalId, backend }) => ({
				terminalId,
				answer: await backend.acquireLock({ sessionId: SESSION, terminalId, label: terminalId }),
			})),
		);
		const winners = answers.filter(({ answer }) => answer.kind === "acquired");
		expect(winners).toHaveLength(1);
		const [winner] = winners as [(typeof answers)[number]];
		const { epoch } = winner.answer;
		expect(epoch).toBeGreaterThan(last);
		last = epoch;
		for (const { answer } of answers) {
			if (answer.kind === "held")
				expect(answer).toMatchObject({ epoch, holder: { terminalId: winner.terminalId } });
		}
		await waitFor(
			() =>
				terminals.every(({ lock }) => lock?.epoch === epoch && lock.holder?.terminalId === winner.terminalId),
			"everybody's seeing who has it",
			PATIENT_MS,
		);
		const holder = terminals.find(({ terminalId }) => terminalId === winner.terminalId);
		const held = { sessionId: SESSION, terminalId: winner.terminalId, epoch };
		expect(await holder?.backend.releaseLock(held)).toEqual({ kind: "released" });
		await waitFor(() => terminals.every(({ lock }) => lock?.holder === null), "a free lock", PATIENT_MS);
	}
}, 120_000);
