/** The server with the real engine on a folder of test functions, and the ways that clients reach it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { type FunctionType, makeFunctionReference } from "convex/server";
import { type EngineMainOptions, runEngine } from "../../../src/server/engine-main.ts";
import { ROOT } from "../../support/source-tree.ts";

export const APP_DIR = join(ROOT, "tests", "fixtures", "convex-server-app");
export const ADMIN_KEY = "server-app|0123456789abcdef";

export type RunningApp = Awaited<ReturnType<typeof startApp>>;

/** Starts the app on free ports, in memory unless told otherwise. `close` also closes the clients made here. */
export async function startApp(options: Partial<EngineMainOptions> = {}) {
	const logged: string[] = [];
	const server = await runEngine({
		functionsDir: APP_DIR,
		dataDir: null,
		adminKey: ADMIN_KEY,
		port: 0,
		sitePort: 0,
		log: (line) => logged.push(line),
		...options,
	});
	const clients: ConvexClient[] = [];
	return {
		...server,
		logged,
		/** A stock client; what it logs goes to `lines` when given, else nowhere. */
		client(more: ConstructorParameters<typeof ConvexClient>[1] & { lines?: string[] } = {}): ConvexClient {
			const { lines, ...rest } = more;
			const client = new ConvexClient(server.url, { logger: lineLogger(lines ?? []), ...rest });
			clients.push(client);
			return client;
		},
		/** Ends the server under its clients. */
		stop: () => server.close(),
		http: () => new ConvexHttpClient(server.url, { logger: false }),
		async close() {
			await Promise.all(clients.map((client) => client.close()));
			await server.close();
		},
	};
}

function lineLogger(lines: string[]) {
	const take = (...parts: unknown[]) => void lines.push(parts.map(String).join(" "));
	return { log: take, warn: take, error: take, logVerbose: () => {} };
}

/** References by path, as a client without generated code makes them. */
// biome-ignore lint/suspicious/noExplicitAny: results of untyped functions
const ref = <Kind extends FunctionType>(path: string) => makeFunctionReference<Kind, any, any>(path);
export const query = (path: string) => ref<"query">(path);
export const mutation = (path: string) => ref<"mutation">(path);
export const action = (path: string) => ref<"action">(path);

/** Results of one live query, in order of arrival, with a way to wait for one. */
export function watch<T>(client: ConvexClient, path: string, args: Record<string, unknown>) {
	const seen: T[] = [];
	const errors: Error[] = [];
	const waiting = new Set<() => void>();
	const wake = () => {
		for (const check of waiting) check();
	};
	const stop = client.onUpdate(
		query(path),
		args,
		(value: T) => {
			seen.push(value);
			wake();
		},
		(error) => {
			errors.push(error);
			wake();
		},
	);
	const until = <R>(find: () => R | undefined | false): Promise<R> =>
		new Promise((resolve) => {
			const check = () => {
				const found = find();
				if (found === undefined || found === false) return;
				waiting.delete(check);
				resolve(found);
			};
			waiting.add(check);
			check();
		});
	return {
		seen,
		errors,
		stop,
		/** The newest result for which `holds`; waits until there is one. */
		until: (holds: (value: T) => boolean) =>
			until(() =>
				seen.length > 0 && holds(seen.at(-1) as T) ? { value: seen.at(-1) as T } : undefined,
			).then((found) => found.value),
		error: () => until(() => errors.at(-1)),
	};
}

/** A folder that is gone after the test run's `remove`. */
export function temporaryFolder(): { path: string; remove(): void } {
	const path = mkdtempSync(join(tmpdir(), "opensync-server-"));
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Resolves when `holds`; looks again after each turn of the event loop. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
	while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}
