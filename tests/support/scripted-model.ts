/** The test's end of the scripted model: waits for Pi's requests and says, step by step, what to answer. */
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

export const SCRIPTED_PROVIDER = join(import.meta.dir, "scripted-provider.ts");

/** What Pi sent to the model. */
export type ScriptedContext = { model: string; messages: { role: string; content: unknown }[] };

export class ModelRequest {
	readonly context: ScriptedContext;
	readonly #socket: Socket;
	#calls = 0;

	constructor(socket: Socket, context: ScriptedContext) {
		this.#socket = socket;
		this.context = context;
	}

	text(delta: string): this {
		return this.#send({ kind: "text", delta });
	}

	thinking(delta: string): this {
		return this.#send({ kind: "thinking", delta });
	}

	/** @param chunk characters of the arguments' JSON in one delta. */
	tool(name: string, args: Record<string, unknown>, chunk = 12): this {
		this.#calls += 1;
		return this.#send({ kind: "tool", id: `call_${Date.now()}_${this.#calls}`, name, args, chunk });
	}

	finish(usage = { input: 100, output: 10 }): void {
		this.#send({ kind: "finish", usage });
		this.#socket.end();
	}

	fail(message: string): void {
		this.#send({ kind: "fail", message });
		this.#socket.end();
	}

	#send(step: object): this {
		this.#socket.write(`${JSON.stringify(step)}\n`);
		return this;
	}
}

export class ScriptedModel {
	readonly #server: Server;
	readonly #requests: ModelRequest[] = [];
	readonly #waiting: ((request: ModelRequest) => void)[] = [];
	readonly #sockets = new Set<Socket>();
	#scene: () => Promise<string> = async () => "";

	private constructor(server: Server) {
		this.#server = server;
	}

	static async start(): Promise<ScriptedModel> {
		const server = createServer((socket) => model.#accept(socket));
		const model = new ScriptedModel(server);
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		return model;
	}

	get env(): Record<string, string> {
		return { SCRIPTED_MODEL_PORT: String((this.#server.address() as { port: number }).port) };
	}

	/** The next request that Pi makes, or has made. Rejects after `deadlineMs`. */
	async next(deadlineMs = 15_000): Promise<ModelRequest> {
		const ready = this.#requests.shift();
		if (ready) return ready;
		return await new Promise((resolve, reject) => {
			const late = setTimeout(() => {
				this.#waiting.splice(this.#waiting.indexOf(take), 1);
				void this.#tellLate(`Pi made no request to the model within ${deadlineMs} ms.`).then(reject);
			}, deadlineMs);
			const take = (request: ModelRequest) => {
				clearTimeout(late);
				resolve(request);
			};
			this.#waiting.push(take);
		});
	}

	/** What an error about a request that did not come shows: the screens, as a rule. */
	describeWith(scene: () => Promise<string>): void {
		this.#scene = scene;
	}

	async #tellLate(sentence: string): Promise<Error> {
		const scene = await this.#scene().catch((error) => String(error));
		return new Error(scene === "" ? sentence : `${sentence}\n${scene}`);
	}

	/** Requests that nobody has taken are not answered. */
	dropRequests(): void {
		this.#requests.length = 0;
	}

	async stop(): Promise<void> {
		for (const socket of this.#sockets) socket.destroy();
		await new Promise((resolve) => this.#server.close(resolve));
	}

	#accept(socket: Socket): void {
		this.#sockets.add(socket);
		socket.setEncoding("utf8");
		socket.setNoDelay(true);
		socket.on("error", () => {});
		socket.on("close", () => this.#sockets.delete(socket));
		let text = "";
		let asked = false;
		socket.on("data", (part: string) => {
			text += part;
			const end = text.indexOf("\n");
			if (asked || end === -1) return;
			asked = true;
			const request = new ModelRequest(socket, JSON.parse(text.slice(0, end)) as ScriptedContext);
			const take = this.#waiting.shift();
			if (take) take(request);
			else this.#requests.push(request);
		});
	}
}
