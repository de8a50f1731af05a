/**
 * Several real Pis at one session, and what tests compare of them: transcripts as drawn, session files entry by
 * entry, and what the model is given. The first terminal has the session's own file, the others replicas.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { LiveSetup, type TerminalOptions } from "./live-setup.ts";
import { editorText, type PiTerminal, readSession, sessionFiles } from "./pi-terminal.ts";
import type { PI_VERSIONS } from "./pi-versions.ts";
import type { ModelRequest } from "./scripted-model.ts";
import { waitFor } from "./wait-for.ts";

export type Version = (typeof PI_VERSIONS)[number];

/** Versions of the first terminal and of the others. */
export const VERSION_PAIRS: readonly (readonly [Version, Version])[] = [
	["0.87.1", "0.87.1"],
	["1.5.2", "1.5.2"],
	["0.87.1", "1.5.2"],
	["1.5.2", "0.87.1"],
];

/** For tests that start terminals of their own: both versions, and both in the same tests. */
export const MIXED_PAIRS = VERSION_PAIRS.slice(2);

/** Tall enough that a whole group of tests stays on the screen. */
const ROOMY = { width: 110, height: 200 };

export class SharedSetup {
	readonly live: LiveSetup;
	/** Has the session's own file. */
	readonly a: PiTerminal;
	readonly #other: Version;
	readonly #terminals: PiTerminal[];
	readonly #replicas = new Map<PiTerminal, string>();
	sessionId = "";
	/** The first terminal's file. */
	file = "";
	/** Lines of transcripts that may differ; a test says why. */
	ignored: RegExp | null = null;

	private constructor(live: LiveSetup, a: PiTerminal, other: Version) {
		this.live = live;
		this.a = a;
		this.#other = other;
		this.#terminals = [a];
	}

	/** One terminal that has had one prompt, "first prompt", and its answer, "Answer one.". */
	static async start(
		versions: readonly [Version, Version],
		options: TerminalOptions = {},
	): Promise<SharedSetup> {
		const live = await LiveSetup.start(versions[0]);
		try {
			const a = await live.terminal({ ...ROOMY, ...options });
			const shared = new SharedSetup(live, a, versions[1]);
			await a.submit("first prompt");
			(await live.model.next()).thinking("thinking a bit").text("Answer one.").finish();
			await a.waitForText("Answer one.");
			await waitFor(() => sessionFiles(live.home).length > 0, "a session file");
			shared.file = sessionFiles(live.home)[0] as string;
			shared.sessionId = readSession(shared.file).header.id as string;
			await shared.settled(a);
			return shared;
		} catch (error) {
			await live.tearDown();
			throw error;
		}
	}

	/** Another terminal at the session, once it shows that. @param options `session`: as Pi's `--session`, default is the first one's file. */
	async join(options: TerminalOptions & { session?: string } = {}): Promise<PiTerminal> {
		const before = this.#replicaFiles();
		const more = ["--session", options.session ?? this.file, ...(options.more ?? [])];
		const terminal = await this.live.terminal({ ...ROOMY, version: this.#other, ...options, more });
		this.#terminals.push(terminal);
		const replica = await waitFor(
			() => this.#replicaFiles().find((path) => !before.includes(path)),
			"a replica of the session",
		);
		this.#replicas.set(terminal, replica);
		await terminal.waitFor((screen) => screen.includes("first prompt"), "the session's beginning");
		await terminal.waitFor(
			(screen) => /\bwith\b|is working/.test(footer(screen)),
			"somebody else at the session",
		);
		return terminal;
	}

	/** The session file that a terminal writes. */
	fileOf(terminal: PiTerminal): string {
		const file = terminal === this.a ? this.file : this.#replicas.get(terminal);
		if (!file) throw new Error("That terminal has no file of this session.");
		return file;
	}

	/** No longer part of comparisons, as after it was quit or killed. */
	forget(terminal: PiTerminal): void {
		this.#terminals.splice(this.#terminals.indexOf(terminal), 1);
	}

	/** Waits until a terminal shows that no run is on and nothing waits to be sent. */
	async settled(...terminals: PiTerminal[]): Promise<void> {
		for (const terminal of terminals)
			await terminal.waitFor(
				(screen) =>
					!isWorking(screen) && footer(screen).includes("synced") && !footer(screen).includes("working"),
				"the end of the run",
			);
	}

	/** Every terminal shows the same transcript and has the same entries, ids, parents and order. */
	async expectLevel(...terminals: PiTerminal[]): Promise<string> {
		const compared = terminals.length > 0 ? terminals : this.#terminals;
		await this.settled(...compared);
		await this.expectSameFiles(...compared);
		return await this.expectSameScreens(...compared);
	}

	async expectSameScreens(...terminals: PiTerminal[]): Promise<string> {
		const compared = terminals.length > 0 ? terminals : this.#terminals;
		let shown: string[] = [];
		const isSame = async () => {
			shown = await Promise.all(compared.map(async (one) => this.#shown(await one.screen())));
			return shown.every((one) => one === shown[0]);
		};
		await waitFor(isSame, "the same transcript everywhere", 8_000).catch((error: unknown) => {
			throw new Error(
				`${String(error)}\n${shown.map((one, at) => `--- terminal ${at + 1}\n${one}`).join("\n")}`,
			);
		});
		return shown[0] as string;
	}

	async expectSameFiles(...terminals: PiTerminal[]): Promise<void> {
		const compared = terminals.length > 0 ? terminals : this.#terminals;
		let lines: string[][] = [];
		const isSame = () => {
			lines = compared.map((one) =>
				readSession(this.fileOf(one)).entries.map((entry) => JSON.stringify(entry)),
			);
			return lines.every((one) => one.join("\n") === lines[0]?.join("\n"));
		};
		await waitFor(isSame, "the same entries everywhere", 8_000).catch((error: unknown) => {
			const from = lines[0]?.findIndex((line, at) => lines.some((one) => one[at] !== line)) ?? 0;
			const told = lines.map(
				(one, at) => `--- terminal ${at + 1}, from entry ${from}\n${one.slice(from).map(briefly).join("\n")}`,
			);
			throw new Error(`${String(error)}\n${told.join("\n")}`);
		});
	}

	/** A prompt of one terminal and its answer, until every terminal is level. */
	async exchange(terminal: PiTerminal, prompt: string, answer: string): Promise<ModelRequest> {
		await terminal.submit(prompt);
		const request = await this.live.model.next();
		request.text(answer).finish();
		for (const one of this.#terminals) await one.waitForText(answer);
		await this.expectLevel();
		return request;
	}

	/** Ends what a test that failed has left: no run, no dialog, nothing in the editors. */
	async calm(): Promise<void> {
		for (let attempt = 0; attempt < 20; attempt += 1) {
			let key: string | null = null;
			for (const terminal of this.#terminals) {
				const screen = await terminal.screen();
				if (isWorking(screen) || screen.includes("Session Tree")) key = "Escape";
				else if (editorText(screen).trim() !== "") key = "C-u";
				if (key) await terminal.press(key);
				if (key) break;
			}
			if (!key) return;
			this.live.model.dropRequests();
			await Bun.sleep(600);
		}
	}

	tearDown(): Promise<void> {
		return this.live.tearDown();
	}

	#shown(screen: string): string {
		const lines = transcript(screen).split("\n");
		return lines.filter((line) => !this.ignored?.test(line)).join("\n");
	}

	#replicaFiles(): string[] {
		const folder = join(this.live.home.home, ".local", "share", "pi-opensync", "replicas");
		if (!existsSync(folder)) return [];
		return readdirSync(folder, { recursive: true, encoding: "utf8" })
			.filter((name) => name.endsWith(".jsonl"))
			.map((name) => join(folder, name));
	}
}

/** Whether Pi's working line stands above the editor. */
export const isWorking = (screen: string): boolean => /^── \S+ \S/m.test(screen);

/** What stands below the editor. */
export function footer(screen: string): string {
	const lines = screen.split("\n");
	return lines.slice(lines.findLastIndex((line) => /─{20}$/.test(line)) + 1).join("\n");
}

/** Warnings at the start, and what Pi answers to somebody's own command. */
const OWN_LINES =
	/^ (Warning: |~\/\.tmux\.conf|Session name set: |Thinking level: |Model: |Startup is still|Navigated to selected point|No queued messages to restore|Restored \d+ queued)/;

/**
 * The transcript that a screen shows. Left out is what is each terminal's own: header, warnings at the start,
 * working line, editor, footer, seconds as they were measured.
 */
export function transcript(screen: string): string {
	const lines = screen.split("\n");
	const from = lines.findIndex((line) => line.includes("scripted-provider.ts")) + 1;
	const to = lines.findIndex((line, index) => index > from && /^──.*─{20}$/.test(line));
	return lines
		.slice(from, to === -1 ? undefined : to)
		.filter((line) => !OWN_LINES.test(line))
		.map((line) => line.replace(/\b(Took|Elapsed) [\d.]+s/, "$1 seconds"))
		.join("\n");
}

/** How often a text stands in another. */
export const count = (text: string, part: string): number => text.split(part).length - 1;

/** What the model was given, one line a message, without the system's. */
export function conversation(request: ModelRequest): string[] {
	return request.context.messages
		.filter(({ role }) => role !== "system")
		.map(({ role, content }) => `${role}: ${textOf(content)}`);
}

export const systemMessages = (request: ModelRequest): number =>
	request.context.messages.filter(({ role }) => role === "system").length;

function textOf(content: unknown): string {
	if (!Array.isArray(content)) return String(content);
	return content
		.map((block) => (block.type === "text" ? block.text : block.type === "thinking" ? "" : `[${block.type}]`))
		.join("");
}

function briefly(line: string): string {
	return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
