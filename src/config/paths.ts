/** Where things lie. `HOME` and the XDG variables are honoured, so that several set-ups live side by side. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

const home = (env: Env): string => env.HOME || env.USERPROFILE || homedir();

/** The XDG rules say that a relative path is to be ignored. */
function base(env: Env, name: string, fallback: string[]): string {
	const given = env[name];
	return given && isAbsolute(given) ? given : join(home(env), ...fallback);
}

export type Paths = {
	/** Settings, mode 0600; the place where pi-opensync-plugin kept them. */
	configFile: string;
	dataDir: string;
	/** Pi's own folder. */
	piAgentDir: string;
	piSessionsDir: string;
};

export function pathsOf(env: Env = process.env): Paths {
	const piAgentDir = env.PI_CODING_AGENT_DIR || join(home(env), ".pi", "agent");
	return {
		configFile: join(base(env, "XDG_CONFIG_HOME", [".config"]), "pi-opensync-plugin", "config.json"),
		dataDir: join(base(env, "XDG_DATA_HOME", [".local", "share"]), "pi-opensync"),
		piAgentDir,
		piSessionsDir: env.PI_CODING_AGENT_SESSION_DIR || join(piAgentDir, "sessions"),
	};
}

/** What lies in a data folder. */
export function dataPaths(dataDir: string) {
	return {
		/** The engine's database and files. */
		backendDir: join(dataDir, "backend"),
		/** Admin key and signing key, mode 0600. */
		secretsFile: join(dataDir, "secrets.json"),
		/** Address and process of the backend that runs on this data. */
		runningFile: join(dataDir, "running.json"),
		backendLog: join(dataDir, "backend.log"),
		extensionLog: join(dataDir, "extension.log"),
		/** Session files of terminals that follow. */
		replicasDir: join(dataDir, "replicas"),
		/** What each hosted OpenSync has acknowledged. */
		recordsDir: join(dataDir, "records"),
		/** Which running Pi has which session file open. */
		locksDir: join(dataDir, "open-sessions"),
	};
}
