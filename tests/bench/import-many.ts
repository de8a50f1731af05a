/**
 * 1,000 sessions with 200,000 messages from a hosted OpenSync into a fresh backend: four processes, the
 * real command line among them. `BENCH_PARTS=10` takes a tenth of the sessions.
 */
import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createAgentBackend } from "../../src/backend/agent-backend.ts";
import { agentEntry } from "../../src/protocol/agent-entry.ts";
import { createSetup, type Setup } from "../support/cli.ts";
import { startTalking } from "../support/cli-process.ts";
import { ROOT } from "../support/source-tree.ts";
import { waitFor } from "../support/wait-for.ts";
import { usageOf } from "./process-usage.ts";
import { type Figure, percentile } from "./stats.ts";

const SESSIONS = Math.max(1, Math.round(1_000 / Number(process.env.BENCH_PARTS ?? 1)));
const MESSAGES = 200;
const CALLS = 100;
const LOOK_EVERY_MS = 200;

export async function importManyFigures(): Promise<Figure[]> {
	const setup = createSetup();
	const hosted = await startHosted();
	try {
		const up = await setup.up();
		const args = [
			"import",
			"--from",
			"opensync",
			"--opensync-url",
			hosted.url,
			"--opensync-key",
			"osk_bench0000",
		];
		const started = performance.now();
		const cli = startTalking([...args, "--json"], setup.env);
		const peaks = watchUsage({ cli: cli.pid, backend: up.pid });
		if ((await cli.ended) !== 0) throw new Error(`The import failed:\n${cli.output()}`);
		const seconds = (performance.now() - started) / 1000;
		const spent = peaks.cpuSeconds();
		const { added } = JSON.parse(cli.output().trim().split("\n").at(-1) as string) as { added: number };
		if (added !== SESSIONS * MESSAGES) throw new Error(`${added} messages arrived.`);
		const again = performance.now();
		const { code } = await setup.cli(...args, "--json");
		const secondTime = (performance.now() - again) / 1000;
		if (code !== 0) throw new Error("The second import failed.");
		await untilIdle(up.pid);
		const settled = usageOf(up.pid).cpuSeconds;
		const bytes = sizeOf(setup.dataDir);
		const calls = await timedCalls(setup, up.url, up.siteUrl);
		const { cli: cliPeak, backend: backendPeak } = peaks.stop();
		const one = (name: string, unit: string, value: number): Figure => ({
			name: `import-many: ${name}`,
			unit,
			rounds: [value],
		});
		return [
			one(`${SESSIONS} sessions with ${SESSIONS * MESSAGES} messages`, "s", seconds),
			one("messages stored", "/s", added / seconds),
			one("time of a processor, command line", "s", spent.cli),
			one("time of a processor, backend", "s", spent.backend),
			one("the same again, with nothing changed", "s", secondTime),
			one("time of a processor, backend, search index included", "s", settled),
			one(`a call with ${MESSAGES} messages afterwards, p50`, "ms", percentile(calls, 50)),
			one(`a call with ${MESSAGES} messages afterwards, p95`, "ms", percentile(calls, 95)),
			one("most memory of the command line", "MiB", cliPeak),
			one("most memory of the backend", "MiB", backendPeak),
			one("database and files", "MiB", bytes / 2 ** 20),
			one("database and files for one message", "bytes", bytes / (SESSIONS * MESSAGES)),
		];
	} finally {
		hosted.stop();
		await setup.dispose();
	}
}

async function startHosted(): Promise<{ url: string; stop(): void }> {
	const child = spawn(
		join(ROOT, "node_modules", ".bin", "bun"),
		[join(ROOT, "tests", "bench", "hosted-sessions.ts"), String(SESSIONS), String(MESSAGES)],
		{ stdio: ["ignore", "pipe", "inherit"] },
	);
	let said = "";
	child.stdout.on("data", (part) => {
		said += part;
	});
	await waitFor(() => said.includes("\n"), "the port of the stand-in");
	return { url: `http://127.0.0.1:${said.trim()}`, stop: () => void child.kill() };
}

type Watch<Name extends string> = {
	/** As last seen. */
	cpuSeconds(): Record<Name, number>;
	/** Ends it; greatest resident memory seen, MiB. */
	stop(): Record<Name, number>;
};

function watchUsage<Name extends string>(pids: Record<Name, number>): Watch<Name> {
	const zeros = () => Object.fromEntries(Object.keys(pids).map((name) => [name, 0])) as Record<Name, number>;
	const peaks = zeros();
	const cpu = zeros();
	const look = (): void => {
		for (const [name, pid] of Object.entries(pids) as [Name, number][]) {
			try {
				const { rssMiB, cpuSeconds } = usageOf(pid);
				peaks[name] = Math.max(peaks[name], rssMiB);
				cpu[name] = cpuSeconds;
			} catch {
				// It has ended.
			}
		}
	};
	const timer = setInterval(look, LOOK_EVERY_MS);
	return {
		cpuSeconds: () => ({ ...cpu }),
		stop() {
			clearInterval(timer);
			return peaks;
		},
	};
}

/** Less of a processor than this in `IDLE_MS` is nothing under way. */
const IDLE_CPU_SECONDS = 0.1;
/** Longer than imported messages wait to be indexed. */
const IDLE_MS = 3_000;

async function untilIdle(pid: number): Promise<void> {
	for (let before = -1; ; ) {
		const now = usageOf(pid).cpuSeconds;
		if (before >= 0 && now - before < IDLE_CPU_SECONDS) return;
		before = now;
		await Bun.sleep(IDLE_MS);
	}
}

/** Bytes of all files below a folder. */
const sizeOf = (folder: string): number =>
	readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((item) => item.isFile())
		.reduce((sum, item) => sum + statSync(join(item.parentPath, item.name)).size, 0);

/** ms of calls one after the other, on the backend as the import left it. */
async function timedCalls(setup: Setup, convexUrl: string, siteUrl: string): Promise<number[]> {
	const { apiKey } = JSON.parse(
		(await setup.cli("config", "get", "apiKey", "--show-key", "--json")).stdout,
	) as { apiKey: string };
	const backend = createAgentBackend({ convexUrl, siteUrl, apiKey });
	const times: number[] = [];
	for (let call = 0; call < CALLS; call++) {
		const entries = Array.from({ length: MESSAGES }, (_, at) => {
			const { entryId, json, timestamp } = agentEntry({
				externalId: `call-${call}-${at}`,
				role: at % 2 === 0 ? "user" : "assistant",
				createdAt: 1_750_000_000_000 + at,
				parts: [
					{
						type: "text",
						content: "a message of a common length, about as long as two lines of it are. ".repeat(8),
					},
				],
			});
			return { entryId, timestamp, body: { kind: "inline" as const, json } };
		});
		const started = performance.now();
		await backend.push({ session: { externalId: `bench-call-${call}` }, entries, imported: true });
		times.push(performance.now() - started);
	}
	await backend.close();
	return times;
}
