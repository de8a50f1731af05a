/** What is used of Pi's inside, on a real session of the installed Pi: found at run time, and never in Pi's way. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type AgentSession,
	createAgentSession,
	type ExtensionContext,
	SessionManager,
} from "@earendil-works/pi-coding-agent";
import { PiInternals, type PiSession, watchBinding } from "../../../src/extension/pi-internals.ts";
import type { SourceEntry } from "../../../src/sync/ports.ts";

let folder = "";
let session: AgentSession;
let manager: SessionManager;
let internals: PiInternals;
const ui = { select: async () => undefined };

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "opensync-internals-"));
	watchBinding();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
	manager = SessionManager.inMemory(folder);
	({ session } = await createAgentSession({ cwd: folder, agentDir: folder, sessionManager: manager }));
	await session.bindExtensions({ uiContext: ui } as never);
	internals = new PiInternals(contextOf(manager));
});

const contextOf = (sessionManager: unknown) => ({ sessionManager }) as ExtensionContext;
const entry = (id: string, parentId: string | null, rest: Record<string, unknown> = {}): SourceEntry => ({
	...{ type: "message", id, parentId, timestamp: "2026-11-21T08:00:00.000Z" },
	...{ message: { role: "user", content: id, timestamp: 1 } },
	...rest,
});

describe("what is found", () => {
	test("on this Pi everything is there", () => {
		expect(internals.session as unknown).toBe(session);
		expect(internals.path).toBe("events");
		expect([internals.canInject, internals.canAppend, internals.canMoveFile]).toEqual([true, true, true]);
		expect(internals.ui as unknown).toBe(ui);
	});

	test("each session is found by its own manager, and one that was never bound is not", () => {
		expect(new PiInternals(contextOf(SessionManager.inMemory(folder))).session).toBeNull();
		expect(new PiInternals(contextOf(SessionManager.inMemory(folder))).path).toBe("entries");
	});

	test("watching twice notes once, and what was bound with stays known when a later binding names nothing", async () => {
		watchBinding();
		await session.bindExtensions({} as never);
		expect(new PiInternals(contextOf(manager)).ui as unknown).toBe(ui);
	});

	test("a Pi that has none of it is left alone", async () => {
		const bare = new PiInternals(contextOf({}));
		expect([bare.path, bare.canMoveFile, bare.isHeard, bare.ui]).toEqual(["none", false, false, null]);
		bare.inject({ type: "agent_start" });
		bare.append(entry("e1", null));
		bare.setLeaf("e1");
		bare.setLeaf(null);
		bare.setSessionFile("/x");
		bare.setChoice({ thinkingLevel: "high" });
		bare.refreshContext();
		bare.restore();
		expect(bare.subscribe(() => {})).toBeNull();
		expect(bare.shadow("abort", (original) => original)).toBe(false);
		expect(bare.shadowGetter("isStreaming", (original) => original())).toBe(false);
		expect(await bare.redraw("e1")).toBe(false);
		expect(bare.dropped).toBe(0);
	});
});

describe("injected events", () => {
	test("reach Pi's listeners, and not our own", () => {
		const pis: string[] = [];
		const ours: string[] = [];
		expect(internals.isHeard).toBe(false);
		const end = internals.subscribe((event) => ours.push(event.type));
		expect(internals.isHeard).toBe(false);
		session.subscribe((event) => void pis.push(event.type));
		expect(internals.isHeard).toBe(true);
		internals.inject({ type: "turn_start" });
		expect(pis).toEqual(["turn_start"]);
		expect(ours).toEqual([]);
		end?.();
	});

	test("that a listener does not take are counted, and the others get them", async () => {
		const got: string[] = [];
		session.subscribe(() => {
			throw new Error("no");
		});
		session.subscribe((async () => {
			throw new Error("later");
		}) as never);
		session.subscribe((event) => void got.push(event.type));
		internals.inject({ type: "turn_start" });
		await new Promise((resolve) => setImmediate(resolve));
		expect(got).toEqual(["turn_start"]);
		expect(internals.dropped).toBe(2);
	});

	test("of something that began earlier see the earlier time, and the clock is right again", () => {
		let seen = 0;
		session.subscribe(() => {
			seen = Date.now();
		});
		const real = Date.now;
		internals.inject({ type: "tool_execution_start" }, 60_000);
		expect(Math.abs(Date.now() - 60_000 - seen)).toBeLessThan(10_000);
		session.subscribe(() => {
			throw new Error("no");
		});
		internals.inject({ type: "tool_execution_start" }, 60_000);
		expect(Date.now).toBe(real);
	});
});

describe("entries", () => {
	test("are stored as they are, with id and parent, and the leaf moves as asked", () => {
		internals.append(entry("e1", null));
		internals.append(entry("e2", "e1"));
		expect(manager.getEntries().slice(-2) as unknown[]).toEqual([entry("e1", null), entry("e2", "e1")]);
		expect(manager.getLeafId()).toBe("e2");
		internals.setLeaf("e1");
		expect(manager.getLeafId()).toBe("e1");
		internals.setLeaf(null);
		expect(manager.getLeafId()).toBeNull();
	});

	test("the context is made from them again", () => {
		internals.append(entry("e1", null));
		internals.refreshContext();
		expect(session.messages.map((message) => (message as { content?: unknown }).content)).toContain("e1");
		expect(internals.dropped).toBe(0);
	});

	test("labels are known at once, and go again", () => {
		internals.append(entry("e1", null));
		internals.append(entry("e2", "e1", { type: "label", targetId: "e1", label: "here" }));
		expect(manager.getLabel("e1")).toBe("here");
		internals.append(entry("e3", "e2", { type: "label", targetId: "e1" }));
		expect(manager.getLabel("e1")).toBeUndefined();
		internals.append(entry("e4", "e3", { type: "label", targetId: 7 }));
	});
});

describe("what is put before Pi's own", () => {
	test("is asked first and may ask Pi, and everything is Pi's again afterwards", async () => {
		const own = Object.keys(session);
		let remote = true;
		let aborted = 0;
		expect(internals.shadowGetter("isStreaming", (original) => remote || original())).toBe(true);
		expect(
			internals.shadow("abort", (original) => async () => {
				aborted += 1;
				await original();
			}),
		).toBe(true);
		internals.shadow("getSteeringMessages", (original) => () => [...original(), "elsewhere"]);
		expect(session.isStreaming).toBe(true);
		remote = false;
		expect(session.isStreaming).toBe(false);
		await session.abort();
		expect(aborted).toBe(1);
		expect(session.getSteeringMessages()).toEqual(["elsewhere"]);
		internals.restore();
		await session.abort();
		expect(aborted).toBe(1);
		expect(session.getSteeringMessages()).toEqual([]);
		expect(Object.keys(session)).toEqual(own);
		expect(session.isStreaming).toBe(false);
	});

	test("a method that this Pi does not have is not made up", () => {
		const name = "notThere" as keyof PiSession;
		expect(internals.shadow(name, (original) => original)).toBe(false);
		expect(internals.shadowGetter(name, (original) => original())).toBe(false);
		expect(Object.hasOwn(session, name)).toBe(false);
	});
});

describe("the screen", () => {
	test("the line of a move that nobody made goes, with the blank before it", () => {
		const text = (shown: string) => ({ render: () => [shown], children: [] });
		const chat = { children: [text("hello"), text(""), text("Navigated to selected point")] as unknown[] };
		let rendered = 0;
		internals.tui = {
			children: [text("header"), { children: [chat] }],
			requestRender: () => {
				rendered += 1;
			},
		};
		internals.dropNavigationLine();
		expect(chat.children).toHaveLength(1);
		internals.dropNavigationLine();
		expect(chat.children).toHaveLength(1);
		expect(rendered).toBeGreaterThan(0);
	});

	test("a component that fails to draw, or a screen that is not there, is no matter", () => {
		internals.dropNavigationLine();
		internals.tui = {
			children: [
				{
					children: [
						{},
						{
							render: () => {
								throw new Error("no");
							},
						},
					],
				},
				null,
				7,
			],
		};
		internals.dropNavigationLine();
		internals.pressEscape();
	});

	test("escape goes to what has the keyboard", () => {
		const typed: string[] = [];
		internals.tui = { focusedComponent: { handleInput: (data) => void typed.push(data) } };
		internals.pressEscape();
		internals.tui = { getFocusedComponent: () => ({ handleInput: (data) => void typed.push(data) }) };
		internals.pressEscape();
		expect(typed).toEqual(["\x1b", "\x1b"]);
		internals.tui = {
			focusedComponent: {
				handleInput: () => {
					throw new Error("no");
				},
			},
		};
		internals.pressEscape();
		expect(internals.dropped).toBe(1);
	});
});
