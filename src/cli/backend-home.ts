/** What a local backend keeps beside its database: its secrets, and where it runs. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import {
	accessSync,
	chmodSync,
	constants,
	linkSync,
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { dataPaths } from "../config/paths.ts";
import { CliError } from "./output.ts";

export type Secrets = {
	/** Of the deployment: may call internal functions. */
	adminKey: string;
	/** ES256 key that signs tokens, PKCS8 PEM. */
	jwtPrivateKey: string;
	/** Its public half as a JWKS document. */
	jwks: string;
};

/** Where a backend runs on this data. */
export type Running = { pid: number; url: string; siteUrl: string };

/**
 * Makes the folder, private to its user. One that was there keeps its rights, for it may hold other things,
 * but what the sessions are stored in is private there too.
 */
export function prepareDataDir(dataDir: string): void {
	const { backendDir } = dataPaths(dataDir);
	try {
		mkdirSync(backendDir, { recursive: true, mode: 0o700 });
		makePrivate(backendDir, 0o700);
		accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
	} catch {
		throw new CliError(
			`The data folder ${dataDir} cannot be written: check its rights, or choose another one with --data.`,
		);
	}
}

/** Whatever it was before. What is another user's stays as it is: `doctor` tells. */
function makePrivate(path: string, mode: number): void {
	try {
		chmodSync(path, mode);
	} catch {
		// Another user's: that one says who may read it.
	}
}

/** Null when there are none yet. */
export function readSecrets(dataDir: string): Secrets | null {
	try {
		const secrets = JSON.parse(readFileSync(dataPaths(dataDir).secretsFile, "utf8")) as Partial<Secrets>;
		if (secrets.adminKey && secrets.jwtPrivateKey && secrets.jwks) return secrets as Secrets;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
	}
	throw new CliError(
		`The file ${dataPaths(dataDir).secretsFile} cannot be read: check its rights, or delete it to have new keys made.`,
	);
}

export function ensureSecrets(dataDir: string): Secrets {
	const found = readSecrets(dataDir);
	if (found) {
		makePrivate(dataPaths(dataDir).secretsFile, 0o600);
		return found;
	}
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const key = {
		...publicKey.export({ format: "jwk" }),
		kid: randomBytes(8).toString("hex"),
		alg: "ES256",
		use: "sig",
	};
	const secrets: Secrets = {
		adminKey: `local|${randomBytes(32).toString("hex")}`,
		jwtPrivateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
		jwks: JSON.stringify({ keys: [key] }),
	};
	const { secretsFile } = dataPaths(dataDir);
	writePrivate(secretsFile, JSON.stringify(secrets, null, "\t"), keepFirst);
	// Another start at the same moment may have been quicker: then its secrets count.
	return readSecrets(dataDir) ?? secrets;
}

/** Writes beside the file and puts it in place in one step, so that nobody ever reads half of it. */
function writePrivate(path: string, text: string, place: (from: string, to: string) => void): void {
	const beside = `${path}.${process.pid}`;
	try {
		writeFileSync(beside, text, { mode: 0o600 });
		place(beside, path);
	} catch {
		throw new CliError(
			`The file ${path} cannot be written: check the rights of its folder, or choose another one with --data.`,
		);
	} finally {
		rmSync(beside, { force: true });
	}
}

/** A link, unlike a renaming, never replaces what is there. */
function keepFirst(from: string, to: string): void {
	try {
		linkSync(from, to);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
		// Some file systems know no links.
		renameSync(from, to);
	}
}

export function writeRunning(dataDir: string, running: Running): void {
	writePrivate(dataPaths(dataDir).runningFile, JSON.stringify(running), renameSync);
}

export function forgetRunning(dataDir: string): void {
	rmSync(dataPaths(dataDir).runningFile, { force: true });
}

/** The backend that runs on this data; null when none does, whatever a killed one left behind. */
export function readRunning(dataDir: string): Running | null {
	try {
		const running = JSON.parse(readFileSync(dataPaths(dataDir).runningFile, "utf8")) as Running;
		process.kill(running.pid, 0);
		return running;
	} catch {
		return null;
	}
}
