import { expect, test } from "bun:test";
import { piEnvironment } from "../../../src/config/child-environment.ts";
import { DEFAULTS, OPTIONS } from "../../../src/config/options.ts";
import { redactionOf, streamingOf } from "../../../src/config/sending.ts";
import { loadSettings } from "../../../src/config/settings.ts";

test("a Pi that we start has a folder of its own, no network, and our settings over the person's", () => {
	const env = piEnvironment(
		"/own/agent",
		{ ...DEFAULTS, convexUrl: "http://127.0.0.1:5000", apiKey: "osk_abcdefghijkl" },
		{
			HOME: "/home/none",
			LANG: "C",
			UNSET: undefined,
			PI_CODING_AGENT_DIR: "/the/persons/agent",
			PI_CODING_AGENT_SESSION_DIR: "/the/persons/sessions",
			PI_OPENSYNC_CONVEX_URL: "https://elsewhere.convex.cloud",
			PI_OPENSYNC_AUTO_SYNC: "false",
		},
	);
	expect(env).toMatchObject({ LANG: "C", PI_CODING_AGENT_DIR: "/own/agent", PI_OFFLINE: "1" });
	expect(env).not.toHaveProperty("UNSET");
	expect(env).not.toHaveProperty("PI_CODING_AGENT_SESSION_DIR");
	const { settings, problems } = loadSettings(env);
	expect(problems).toEqual([]);
	expect(settings).toEqual({ ...DEFAULTS, convexUrl: "http://127.0.0.1:5000", apiKey: "osk_abcdefghijkl" });
});

test("settings go through their variables and come back the same", () => {
	const settings = {
		...DEFAULTS,
		siteUrl: "http://127.0.0.1:5001",
		autoSync: false,
		liveStreaming: "watched" as const,
		streamIntervalMs: 250,
		redaction: "on" as const,
		debug: true,
	};
	const env = piEnvironment("/agent", settings, { HOME: "/home/none" });
	expect(OPTIONS.filter((option) => option.env in env).length).toBe(OPTIONS.length);
	expect(loadSettings(env).settings).toEqual(settings);
});

test("auto sends everything at once to this machine, and redacted, in batches and when watched to any other", () => {
	const here = { ...DEFAULTS, convexUrl: "http://localhost:3210" };
	const away = { ...DEFAULTS, convexUrl: "https://name.convex.cloud" };
	expect([streamingOf(here), redactionOf(here)]).toEqual([{ mode: "always", intervalMs: 0 }, false]);
	expect([streamingOf(away), redactionOf(away)]).toEqual([{ mode: "watched", intervalMs: 100 }, true]);
	const chosen = { liveStreaming: "off", streamIntervalMs: 5, redaction: "off" } as const;
	expect([streamingOf({ ...away, ...chosen }), redactionOf({ ...away, ...chosen })]).toEqual([
		{ mode: "off", intervalMs: 5 },
		false,
	]);
});
