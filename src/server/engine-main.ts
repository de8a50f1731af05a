/** Serves any Convex functions folder: what the command line's `engine` verb runs. */
import { openEngine } from "../engine/open-engine.ts";
import type { Engine } from "../engine/types.ts";
import { addressOf, openListeners } from "./listeners.ts";
import { type RunningServer, startServer } from "./start-server.ts";

export type EngineMainOptions = {
	functionsDir: string;
	/** Null keeps everything in memory. */
	dataDir: string | null;
	adminKey: string;
	host?: string;
	port: number;
	sitePort: number;
	staticDir?: string | null;
	allowedHosts?: readonly string[];
	/** `process.env` of the functions, besides the two addresses. */
	env?: Readonly<Record<string, string>>;
	log?: (line: string) => void;
};

/** Listens, opens the engine, serves. Rejects with `ServerStartError` or `EngineStartError`, leaving nothing open. */
export async function runEngine(options: EngineMainOptions): Promise<RunningServer> {
	const listeners = await openListeners(options.host ?? "127.0.0.1", options.port, options.sitePort);
	const address = (port: number) => addressOf(listeners.host, port);
	let engine: Engine | null = null;
	try {
		const opened = await openEngine({
			functionsDir: options.functionsDir,
			dataDir: options.dataDir,
			env: options.env ?? {},
			cloudUrl: address(listeners.api.port),
			siteUrl: address(listeners.site.port),
			log: options.log,
		});
		engine = opened;
		const server = await startServer({ ...options, engine: opened, listeners });
		return {
			...server,
			async close() {
				await server.close();
				await opened.close();
			},
		};
	} catch (error) {
		await engine?.close();
		listeners.api.server.close();
		listeners.site.server.close();
		throw error;
	}
}
