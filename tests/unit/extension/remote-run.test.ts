/** What a follower shows as queued: its own prompts and the holder's queue, each once. */
import { expect, test } from "bun:test";
import type { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { AcceptedPrompts } from "../../../src/extension/accepted-prompts.ts";
import type { PiInternals } from "../../../src/extension/pi-internals.ts";
import { RemoteRun } from "../../../src/extension/remote-run.ts";
import type { OwnPrompt, PromptDesk } from "../../../src/sync/prompt-desk.ts";

function follower() {
	const session: Record<string, () => string[]> = {};
	const own: OwnPrompt[] = [];
	const internals = {
		session,
		shadowGetter: () => true,
		shadow: (name: string, make: (original: () => string[]) => () => string[]) => {
			session[name] = make(() => []);
			return true;
		},
	};
	const remote = new RemoteRun({
		pi: {} as ExtensionAPI,
		ctx: { hasUI: false } as ExtensionContext,
		internals: internals as unknown as PiInternals,
		desk: { own } as unknown as PromptDesk,
		accepted: {} as AcceptedPrompts,
		isRemote: () => true,
		isRunning: () => false,
		readOnly: () => false,
		level: async () => {},
		acquire: async () => false,
		tell: () => {},
	});
	const typed = (text: string, state: OwnPrompt["state"]) =>
		own.push({ promptId: `${own.length}`, kind: "steer", content: { text }, saidBefore: 0, state });
	return { remote, typed, shown: () => session.getSteeringMessages?.() };
}

test("a template that was accepted is shown once, as what it says there", () => {
	const { remote, typed, shown } = follower();
	typed("/greet", "accepted");
	expect(shown()).toEqual(["/greet"]);
	remote.queueIs(["Please greet everybody."], []);
	expect(shown()).toEqual(["Please greet everybody."]);
	typed("not there yet", "queued");
	expect(shown()).toEqual(["Please greet everybody.", "not there yet"]);
});

test("the same text twice is shown twice, also while one of them is on its way", () => {
	const { remote, typed, shown } = follower();
	typed("again", "accepted");
	typed("again", "sending");
	remote.queueIs(["again"], []);
	expect(shown()).toEqual(["again", "again"]);
	remote.queueIs(["again", "again"], []);
	expect(shown()).toEqual(["again", "again"]);
});
