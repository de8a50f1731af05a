/** The embedded backend in this process: engine, server, page and secrets on one data folder. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../config/paths.ts";
import { buildDashboard } from "../dashboard/build.ts";
import { createLogFile } from "../lib/node/log-file.ts";
import { runEngine } from "../server/engine-main.ts";
import { callAsAdmin } from "./admin.ts";
import { ensureSecrets, forgetRunning, prepareDataDir, readSecrets, writeRunning } from "./backend-home.ts";
import { makeCode } from "./keys.ts";
import { CliError } from "./output.ts";
import { startProblem } from "./process.ts";
import { DASHBOARD_DIR, FUNCTIONS_DIR, IS_CHECKOUT, PROJECT_DIR } from "./project.ts";

export type LocalBackend = { url: string; siteUrl: string; dataDir: string };

export type LocalBackendOptions = {
	dataDir: string;
	host: string;
	port: number;
	sitePort: number;
	allowedHosts: readonly string[];
};

/** Starts it; every known failure is a `CliError`. */
export async function startLocalBackend(
	options: LocalBackendOptions,
): Promise<LocalBackend & { close(): Promise<void> }> {
	const { dataDir, host, port, sitePort, allowedHosts } = options;
	prepareDataDir(dataDir);
	const secrets = ensureSecrets(dataDir);
	await ensurePage();
	const { backendDir, backendLog } = dataPaths(dataDir);
	const log = createLogFile(backendLog);
	const server = await runEngine({
		functionsDir: FUNCTIONS_DIR,
		dataDir: backendDir,
		adminKey: secrets.adminKey,
		host,
		port,
		sitePort,
		staticDir: DASHBOARD_DIR,
		allowedHosts,
		env: { OPENSYNC_JWT_PRIVATE_KEY: secrets.jwtPrivateKey, OPENSYNC_JWKS: secrets.jwks },
		log,
	}).catch(startProblem);
	writeRunning(dataDir, { pid: process.pid, url: server.url, siteUrl: server.siteUrl });
	return {
		url: server.url,
		siteUrl: server.siteUrl,
		dataDir,
		async close() {
			await server.close();
			forgetRunning(dataDir);
		},
	};
}

/** Builds the page when it is missing or older than its source; an installed package brings it built. */
async function ensurePage(): Promise<void> {
	if (!IS_CHECKOUT) return;
	const built = join(DASHBOARD_DIR, "index.html");
	const sources = ["dashboard", "session", "protocol", "lib"].map((folder) =>
		join(PROJECT_DIR, "src", folder),
	);
	const newest = Math.max(
		...sources.flatMap((folder) => filesBelow(folder).map((file) => statSync(file).mtimeMs)),
	);
	if (!existsSync(built) || statSync(built).mtimeMs < newest) await buildDashboard(DASHBOARD_DIR);
}

function filesBelow(folder: string): string[] {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((item) => item.isFile())
		.map((item) => join(item.parentPath, item.name));
}

/** The page's address with a fresh one-time code. The code stands in the fragment, which no server sees. */
export async function signInLink({ url, siteUrl, dataDir }: LocalBackend): Promise<string> {
	const secrets = readSecrets(dataDir);
	if (!secrets) throw new CliError(`There are no secrets in ${dataDir}: start the backend on it first.`);
	const { code, hash } = makeCode();
	await callAsAdmin(url, secrets.adminKey, "signIn:addCode", { hash });
	return `${siteUrl}/#code=${code}`;
}
