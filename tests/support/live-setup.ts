/** A backend, a scripted model, an observer and as many Pis as a test starts; all of it ends with `tearDown`. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
	makePiHome,
	type PiHome,
	PiTerminal,
	piArguments,
	readSession,
	removePiHome,
	sessionFiles,
} from "./pi-terminal.ts";
import { type PI_VERSIONS, type PiVersion, preparePi } from "./pi-versions.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { SessionObserver } from "./session-observer.ts";
import { Stack } from "./stack.ts";

export type TerminalOptions = {
	more?: string[];
	extension?: boolean;
	env?: Record<string, string>;
	version?: (typeof PI_VERSIONS)[number];
	width?: number;
	height?: number;
};

export class LiveSetup {
	readonly pi: PiVersion;
	readonly home: PiHome;
	readonly model: ScriptedModel;
	readonly stack: Stack;
	readonly observer: SessionObserver;
	readonly #terminals: PiTerminal[] = [];

	private constructor(
		pi: PiVersion,
		home: PiHome,
		model: ScriptedModel,
		stack: Stack,
		observer: SessionObserver,
	) {
		this.pi = pi;
		this.home = home;
		this.model = model;
		this.stack = stack;
		this.observer = observer;
		model.describeWith(async () => {
			const screens = await Promise.all(this.#terminals.map((one) => one.screen().catch(() => "(ended)")));
			return screens.map((screen) => `A terminal shows:\n${screen}`).join("\n");
		});
	}

	/** @param env for every Pi of this setup. */
	static async start(
		version: (typeof PI_VERSIONS)[number],
		env: Record<string, string> = {},
	): Promise<LiveSetup> {
		const pi = await preparePi(version);
		const model = await ScriptedModel.start();
		const home = await makePiHome({ ...model.env, ...env });
		// Small sessions can be compacted too, and what failed is tried again soon.
		await writeFile(
			join(home.agent, "settings.json"),
			JSON.stringify({ compaction: { keepRecentTokens: 1 }, retry: { baseDelayMs: 1_500 } }),
		);
		const stack = await Stack.start(home);
		const observer = await SessionObserver.connect(stack.url, stack.siteUrl, await stack.apiKey());
		return new LiveSetup(pi, home, model, stack, observer);
	}

	/** Starts Pi in a terminal of its own. @param options `version`: default is this setup's. */
	async terminal(options: TerminalOptions = {}): Promise<PiTerminal> {
		const { version, width, height, env } = options;
		const pi = version ? await preparePi(version) : this.pi;
		const terminal = await PiTerminal.start(pi, this.home, {
			args: piArguments(options),
			env,
			width,
			height,
		});
		this.#terminals.push(terminal);
		return terminal;
	}

	/** A session's file as it is now, and what the backend shows of that session once it has as many entries. */
	async compare(sessionId: string, deadlineMs = 15_000): Promise<{ file: unknown[]; stored: unknown[] }> {
		const path = sessionFiles(this.home).find((one) => one.includes(sessionId));
		if (!path) throw new Error(`There is no file of session ${sessionId}.`);
		const until = Date.now() + deadlineMs;
		for (;;) {
			const file = readSession(path).entries;
			const stored = (await this.observer.wholeSession(sessionId)).map((entry) =>
				JSON.parse(entry.json ?? "null"),
			);
			if (stored.length >= file.length || Date.now() > until) return { file, stored };
			await Bun.sleep(50);
		}
	}

	/** Ends all of it, whatever of it fails to end. */
	async tearDown(): Promise<void> {
		const ends = [
			...this.#terminals.map((terminal) => terminal.stop()),
			this.observer.close(),
			this.stack.stop(),
			this.model.stop(),
		];
		const failed = (await Promise.allSettled(ends)).find((end) => end.status === "rejected");
		await removePiHome(this.home);
		if (failed) throw failed.reason;
	}
}
