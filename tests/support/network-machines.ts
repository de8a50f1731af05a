/**
 * Two machines and a backend, each in a network namespace of its own, so that a link can really be cut:
 *
 *   machine "a" ── veth ── hub (backend on 10.77.0.1) ── veth ── machine "b"
 *
 * Each machine has its own home, Pi folder and model; the model is reached past the network (a file-system
 * socket), so a machine that is cut off still has it. Needs Linux, root and `ip`; says so where it cannot.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { startTalking, type Talking } from "./cli-process.ts";
import {
	makePiHome,
	type PiHome,
	PiTerminal,
	piArguments,
	readSession,
	removePiHome,
} from "./pi-terminal.ts";
import { BUN, NODE, type PI_VERSIONS, preparePi } from "./pi-versions.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { ROOT } from "./source-tree.ts";

const run = promisify(execFile);
const MAIN = join(ROOT, "src", "cli", "main.ts");
const BACKEND = "10.77.0.1";
const PORT = 3210;
const PREFIX = "opensync-";

export const BACKEND_URL = `http://${BACKEND}:${PORT}`;

/** Runs `ip`; its complaint is the error. */
async function ip(...args: string[]): Promise<string> {
	try {
		return (await run("ip", args)).stdout;
	} catch (error) {
		const { stderr, message } = error as { stderr?: string; message: string };
		throw new Error(`ip ${args.join(" ")}: ${stderr?.trim() || message}`);
	}
}

/** One machine: its namespace, its home and its model. */
export class Machine {
	readonly name: string;
	readonly namespace: string;
	readonly home: PiHome;
	readonly model: ScriptedModel;
	readonly #hub: string;
	readonly #net: number;
	readonly #version: (typeof PI_VERSIONS)[number];
	readonly #terminals: PiTerminal[] = [];
	#relay: { server: Server; inside: Talking } | null = null;

	private constructor(
		name: string,
		hub: string,
		net: number,
		version: (typeof PI_VERSIONS)[number],
		home: PiHome,
		model: ScriptedModel,
	) {
		this.name = name;
		this.namespace = `${hub}-${name}`;
		this.#hub = hub;
		this.#net = net;
		this.#version = version;
		this.home = home;
		this.model = model;
	}

	static async start(
		name: string,
		hub: string,
		net: number,
		version: (typeof PI_VERSIONS)[number],
	): Promise<Machine> {
		const model = await ScriptedModel.start();
		const home = await makePiHome(model.env);
		const machine = new Machine(name, hub, net, version, home, model);
		await machine.#wire();
		await machine.#bringModel();
		return machine;
	}

	/** Starts Pi on this machine. @param options.env over the machine's own. */
	async terminal(options: { more?: string[]; env?: Record<string, string> } = {}): Promise<PiTerminal> {
		const pi = await preparePi(this.#version);
		const wrapped = { ...pi, cli: join(ROOT, "tests", "support", "pi-in-namespace.mjs") };
		const terminal = await PiTerminal.start(wrapped, this.home, {
			args: piArguments({ more: options.more }),
			env: { ...options.env, PI_TEST_NETNS: this.namespace, PI_TEST_CLI: pi.cli },
		});
		this.#terminals.push(terminal);
		return terminal;
	}

	/** As when the cable is pulled at this machine: it has no network, and the other end notices nothing. */
	async cut(): Promise<void> {
		await ip("-n", this.namespace, "link", "set", "eth0", "down");
	}

	async restore(): Promise<void> {
		await ip("-n", this.namespace, "link", "set", "eth0", "up");
		await ip("-n", this.namespace, "route", "replace", BACKEND, "via", this.#address(1));
	}

	async endTerminals(): Promise<void> {
		await Promise.allSettled(this.#terminals.splice(0).map((terminal) => terminal.stop()));
	}

	/** Session files on this machine with that text in them, wherever they lie. */
	sessionFiles(text: string): string[] {
		return readdirSync(this.home.root, { recursive: true, encoding: "utf8" })
			.filter((name) => name.endsWith(".jsonl"))
			.map((name) => join(this.home.root, name))
			.filter((path) => readFileSync(path, "utf8").includes(text));
	}

	async stop(): Promise<void> {
		await this.endTerminals();
		await this.#relay?.inside.stop("SIGKILL");
		await new Promise((resolve) => (this.#relay ? this.#relay.server.close(resolve) : resolve(null)));
		await this.model.stop();
		await removePiHome(this.home);
	}

	#address(host: number): string {
		return `10.77.${this.#net}.${host}`;
	}

	async #wire(): Promise<void> {
		const { namespace } = this;
		const hubEnd = `to-${this.name}`;
		await ip("netns", "add", namespace);
		await ip("-n", namespace, "link", "set", "lo", "up");
		await ip(
			"link",
			"add",
			hubEnd,
			"netns",
			this.#hub,
			"type",
			"veth",
			"peer",
			"name",
			"eth0",
			"netns",
			namespace,
		);
		await ip("-n", this.#hub, "address", "add", `${this.#address(1)}/24`, "dev", hubEnd);
		await ip("-n", this.#hub, "link", "set", hubEnd, "up");
		await ip("-n", namespace, "address", "add", `${this.#address(2)}/24`, "dev", "eth0");
		await this.restore();
	}

	async #bringModel(): Promise<void> {
		const port = this.model.env.SCRIPTED_MODEL_PORT as string;
		const path = join(this.home.root, "model.sock");
		const server = createServer((from) => {
			const to = connect(Number(port), "127.0.0.1");
			for (const socket of [from, to]) socket.on("error", () => {});
			from.on("close", () => to.destroy());
			to.on("close", () => from.destroy());
			from.pipe(to).pipe(from);
		});
		await new Promise<void>((resolve) => server.listen(path, resolve));
		const relay = join(ROOT, "tests", "support", "socket-relay.mjs");
		const inside = startTalking([relay, port, path], this.home.env, inNamespace(this.namespace, NODE));
		this.#relay = { server, inside };
		await inside.says("ready");
	}
}

const inNamespace = (namespace: string, ...program: string[]): string[] => [
	"ip",
	"netns",
	"exec",
	namespace,
	...program,
];

export class TwoMachines {
	readonly a: Machine;
	readonly b: Machine;
	readonly apiKey: string;
	readonly #hub: string;
	readonly #home: PiHome;
	readonly #backend: Talking;

	private constructor(parts: {
		a: Machine;
		b: Machine;
		apiKey: string;
		hub: string;
		home: PiHome;
		backend: Talking;
	}) {
		this.a = parts.a;
		this.b = parts.b;
		this.apiKey = parts.apiKey;
		this.#hub = parts.hub;
		this.#home = parts.home;
		this.#backend = parts.backend;
	}

	static async start(version: (typeof PI_VERSIONS)[number]): Promise<TwoMachines> {
		await removeLeftovers();
		const hub = `${PREFIX}${process.pid}`;
		await ip("netns", "add", hub).catch((error: Error) => {
			throw new Error(
				`This test needs network namespaces (Linux, root, the iproute2 package) and cannot make one: ${error.message}`,
			);
		});
		await ip("-n", hub, "link", "set", "lo", "up");
		await ip("-n", hub, "address", "add", `${BACKEND}/32`, "dev", "lo");
		const home = await makePiHome();
		const flags = ["--json", "--no-open", "--no-demo", "--no-import", "--data", join(home.root, "data")];
		const ports = ["--port", String(PORT), "--site-port", String(PORT + 1), "--host", BACKEND];
		const backend = startTalking(["up", ...flags, ...ports], home.env, inNamespace(hub, BUN, MAIN));
		// Both can be had before the backend answers.
		const [a, b] = await Promise.all([
			Machine.start("a", hub, 1, version),
			Machine.start("b", hub, 2, version),
			backend.says("\n"),
		]);
		const settings = Bun.file(join(home.home, ".config", "pi-opensync-plugin", "config.json"));
		const { apiKey } = (await settings.json()) as { apiKey: string };
		return new TwoMachines({ a, b, apiKey, hub, home, backend });
	}

	get machines(): Machine[] {
		return [this.a, this.b];
	}

	/** Settings of a Pi on one of the machines, as a person would set them there. */
	get env(): Record<string, string> {
		return {
			PI_OPENSYNC_CONVEX_URL: BACKEND_URL,
			PI_OPENSYNC_SITE_URL: `http://${BACKEND}:${PORT + 1}`,
			PI_OPENSYNC_API_KEY: this.apiKey,
		};
	}

	/** What the backend lists. */
	async sessions(): Promise<{ sessionId: string; title: string | null }[]> {
		return JSON.parse(await this.cli("sessions", "list", "--json"));
	}

	/** The entries that the backend holds of a session, given its file. */
	async stored(file: string): Promise<unknown[]> {
		const target = join(this.#home.root, "exported.jsonl");
		await this.cli("export", String(readSession(file).header.id), "--output", target);
		return readSession(target).entries;
	}

	/** Runs a verb of the command line beside the backend. */
	async cli(...args: string[]): Promise<string> {
		const [command, ...rest] = inNamespace(this.#hub, BUN, MAIN, ...args);
		const { stdout } = await run(command as string, rest, { env: this.#home.env, encoding: "utf8" });
		return stdout;
	}

	async tearDown(): Promise<void> {
		const ends = [...this.machines.map((machine) => machine.stop()), this.#backend.stop("SIGTERM")];
		await Promise.allSettled(ends);
		for (const namespace of [...this.machines.map((machine) => machine.namespace), this.#hub])
			await ip("netns", "delete", namespace);
		await removePiHome(this.#home);
	}
}

/** Namespaces of test processes that were killed. */
async function removeLeftovers(): Promise<void> {
	const list = await ip("netns", "list").catch(() => "");
	for (const [name, pid] of list.matchAll(new RegExp(`^${PREFIX}(\\d+)\\S*`, "gm"))) {
		try {
			process.kill(Number(pid), 0);
		} catch {
			await ip("netns", "delete", name);
		}
	}
}
