import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DEFAULTS, OPTIONS, parseValue } from "../../../src/config/options.ts";
import { pathsOf } from "../../../src/config/paths.ts";
import { recordsThinking } from "../../../src/config/sending.ts";
import { loadSettings, masked, saveSettings } from "../../../src/config/settings.ts";

let home: string;
let env: Record<string, string>;

beforeEach(() => {
	home = mkdtempSync(join(tmpdir(), "pi-opensync-settings-"));
	env = { HOME: home };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function writeFile(text: string): void {
	const { configFile } = pathsOf(env);
	mkdirSync(dirname(configFile), { recursive: true });
	writeFileSync(configFile, text);
}

test("without a file and variables every setting has its default", () => {
	const { settings, problems, sources } = loadSettings(env);
	expect(settings).toEqual(DEFAULTS);
	expect(problems).toEqual([]);
	expect(new Set(Object.values(sources))).toEqual(new Set(["default"]));
});

test("the environment wins over the file, and the file over the default", () => {
	writeFile(JSON.stringify({ convexUrl: "https://a.convex.cloud", autoSync: false, debug: true }));
	const { settings, sources } = loadSettings({ ...env, PI_OPENSYNC_AUTO_SYNC: "true" });
	expect(settings).toMatchObject({ convexUrl: "https://a.convex.cloud", autoSync: true, debug: true });
	expect(sources).toMatchObject({ convexUrl: "file", autoSync: "environment", redaction: "default" });
});

test("the settings file and variables of pi-opensync-plugin work unchanged", () => {
	writeFile(
		JSON.stringify({
			apiKey: "osk_abcdefghijkl",
			autoSync: true,
			convexUrl: "https://x.convex.cloud",
			debug: false,
			syncThinking: false,
			syncToolCalls: false,
		}),
	);
	expect(loadSettings(env).settings).toMatchObject({
		apiKey: "osk_abcdefghijkl",
		syncThinking: false,
		syncToolCalls: false,
	});
	const variables = {
		PI_OPENSYNC_API_KEY: "osk_zzzzzzzzzzzz",
		PI_OPENSYNC_THINKING: "true",
		PI_OPENSYNC_TOOL_CALLS: "1",
		PI_OPENSYNC_DEBUG: "yes",
	};
	expect(loadSettings({ ...env, ...variables }).settings).toMatchObject({
		apiKey: "osk_zzzzzzzzzzzz",
		syncThinking: true,
		syncToolCalls: true,
		debug: true,
	});
});

test("a bad value is named in one sentence and the next source counts", () => {
	writeFile(JSON.stringify({ redaction: "perhaps", debug: true }));
	const { settings, problems } = loadSettings({ ...env, PI_OPENSYNC_DEBUG: "maybe" });
	expect(settings).toMatchObject({ redaction: "auto", debug: true });
	expect(problems).toHaveLength(2);
	expect(problems.join(" ")).toContain("PI_OPENSYNC_DEBUG");
	expect(problems.join(" ")).toContain("must be one of auto, on, off");
});

test("a settings file that is no JSON object is named, and defaults are used", () => {
	for (const text of ["{half", "[]", "null", ""]) {
		writeFile(text);
		const { settings, problems } = loadSettings(env);
		expect(settings).toEqual(DEFAULTS);
		expect(problems).toHaveLength(1);
	}
});

test("saving keeps what it does not know and makes the file private", async () => {
	writeFile(JSON.stringify({ ofAnotherVersion: 7, debug: true }));
	await saveSettings({ apiKey: "osk_abcdefghijkl", streamIntervalMs: 50 }, env);
	const { configFile } = pathsOf(env);
	expect(JSON.parse(readFileSync(configFile, "utf8"))).toEqual({
		ofAnotherVersion: 7,
		debug: true,
		apiKey: "osk_abcdefghijkl",
		streamIntervalMs: 50,
	});
	expect(statSync(configFile).mode & 0o777).toBe(0o600);
});

test("saving over a broken file is refused and leaves it as it is", async () => {
	writeFile("{half");
	await expect(saveSettings({ debug: true }, env)).rejects.toThrow("not valid JSON");
	expect(readFileSync(pathsOf(env).configFile, "utf8")).toBe("{half");
});

test("saving a value outside its choices is refused in one sentence", async () => {
	await expect(saveSettings({ apiKey: "hunter2" }, env)).rejects.toThrow("apiKey must begin with osk_.");
});

test("relative XDG folders are ignored, absolute ones honoured", () => {
	expect(pathsOf({ ...env, XDG_CONFIG_HOME: "relative", XDG_DATA_HOME: "/data" })).toMatchObject({
		configFile: join(home, ".config", "pi-opensync-plugin", "config.json"),
		dataDir: "/data/pi-opensync",
	});
});

test("every option parses its own default, and its variable names are unique", () => {
	for (const option of OPTIONS) {
		const value = DEFAULTS[option.name];
		expect(parseValue(option, value)).toEqual({ kind: "ok", value });
	}
	expect(new Set(OPTIONS.map((option) => option.env)).size).toBe(OPTIONS.length);
	expect(Object.keys(DEFAULTS).sort()).toEqual(OPTIONS.map((option) => option.name).sort());
});

test("a masked key shows its first characters only", () => {
	expect(masked("osk_abcdefghijklmnop")).toBe("osk_abcd••••••••");
	expect(masked("")).toBe("");
});

test("thinking goes to a hosted OpenSync for who said so, whatever the default is", () => {
	expect(recordsThinking(loadSettings(env))).toBe(false);
	expect(recordsThinking(loadSettings({ ...env, PI_OPENSYNC_THINKING: "true" }))).toBe(true);
	writeFile(JSON.stringify({ syncThinking: true }));
	expect(recordsThinking(loadSettings(env))).toBe(true);
	expect(recordsThinking(loadSettings({ ...env, PI_OPENSYNC_THINKING: "false" }))).toBe(false);
});
