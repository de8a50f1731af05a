import { describe, expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/options.ts";
import { redactionOf, streamingOf } from "../../../src/config/sending.ts";
import { loadSettings } from "../../../src/config/settings.ts";
import { ConfigDraft, configFields, shownValue } from "../../../src/extension/config-fields.ts";
import { statusLines } from "../../../src/extension/status-command.ts";

describe("the settings list", () => {
	test("shows what a person may change, the key by its first characters", () => {
		const fields = configFields(loadSettings({ HOME: "/nowhere" }).sources);
		expect(fields.map((field) => field.name)).toEqual([
			"convexUrl",
			"apiKey",
			"autoSync",
			"syncToolCalls",
			"syncThinking",
			"liveStreaming",
			"redaction",
			"openSyncUrl",
			"openSyncKey",
			"debug",
		]);
		expect(shownValue("apiKey", "osk_abcdefghijklmnop")).not.toContain("efghijkl");
		expect(shownValue("apiKey", "")).toBe("not set");
		expect(shownValue("autoSync", false)).toBe("off");
	});

	test("does not let the environment's values be changed where that would do nothing", () => {
		const { sources } = loadSettings({ HOME: "/nowhere", PI_OPENSYNC_CONVEX_URL: "http://127.0.0.1:9" });
		const field = configFields(sources).find((one) => one.name === "convexUrl");
		expect(field?.fixedBy).toBe("PI_OPENSYNC_CONVEX_URL");
		expect(field?.help).toContain("PI_OPENSYNC_CONVEX_URL");
	});

	test("takes good values, says what is wrong with bad ones, and knows what changed", () => {
		const draft = new ConfigDraft({ ...DEFAULTS });
		expect(draft.set("convexUrl", "not a url")).toContain("must be an address");
		expect(draft.changed).toBe(false);
		expect(draft.set("syncThinking", "off")).toBeNull();
		expect(draft.changes).toEqual({ syncThinking: false });
		expect(draft.reconnects).toBe(false);
		expect(draft.set("apiKey", "osk_abcdefghijkl")).toBeNull();
		expect(draft.reconnects).toBe(true);
		expect(draft.set("syncThinking", "on")).toBeNull();
		expect(draft.changes).toEqual({ apiKey: "osk_abcdefghijkl" });
	});
});

describe("what auto means", () => {
	const cloud = { ...DEFAULTS, convexUrl: "https://happy-animal-123.convex.cloud" };

	test("on this machine: everything at once, as it is", () => {
		expect(streamingOf(DEFAULTS)).toEqual({ mode: "always", intervalMs: 0 });
		expect(redactionOf(DEFAULTS)).toBe(false);
	});

	test("on a deployment: while somebody watches, with secrets replaced", () => {
		expect(streamingOf(cloud)).toEqual({ mode: "watched", intervalMs: 100 });
		expect(redactionOf(cloud)).toBe(true);
	});

	test("a choice wins", () => {
		expect(streamingOf({ ...cloud, liveStreaming: "off", streamIntervalMs: 20 })).toEqual({
			mode: "off",
			intervalMs: 20,
		});
		expect(redactionOf({ ...cloud, redaction: "off" })).toBe(false);
		expect(redactionOf({ ...DEFAULTS, redaction: "on" })).toBe(true);
	});
});

test("the status says what was hidden, refused and left out, and never the key", () => {
	const lines = statusLines({
		condition: {
			kind: "syncing",
			state: {
				link: "live",
				queued: 0,
				sentCount: 12,
				parked: [{ entryId: "e1", message: "It is above the limit." }],
				hidden: { "aws-key": 2, "env-assignment": 1 },
				reason: null,
				present: [{ clientId: "d", kind: "dashboard", watching: true, label: "laptop", since: 0 }],
			},
		},
		settings: { ...DEFAULTS, apiKey: "osk_verysecretkey123", redaction: "on", syncThinking: false },
		sessionId: "s1",
		isReplica: false,
		inFile: true,
		lastFailure: null,
	});
	const text = lines.join("\n");
	expect(text).toContain("12 stored, 0 queued");
	expect(text).toContain("3 replaced (aws-key 2, env-assignment 1)");
	expect(text).toContain("e1: It is above the limit.");
	expect(text).toContain("laptop");
	expect(text).toMatch(/left out\s+thinking/);
	expect(text).not.toContain("osk_");
});
