/** Two machines and a link that is really cut: network namespaces, real Pis, one backend that is on neither. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { TwoMachines } from "../../support/network-machines.ts";
import { readSession } from "../../support/pi-terminal.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOW = 240_000;
/** What a cut link may take to be noticed, and a restored one to be used again. */
const LINK_MS = 90_000;
/** As on one machine: everything crosses as it is and at once. */
const OPEN = {
	PI_OPENSYNC_REDACTION: "off",
	PI_OPENSYNC_LIVE_STREAMING: "always",
	PI_OPENSYNC_STREAM_INTERVAL_MS: "0",
};

let net: TwoMachines;

beforeAll(async () => {
	net = await TwoMachines.start("0.87.1");
}, SLOW);
afterEach(async () => {
	// A test that failed in mid-cut leaves the next one a whole network.
	for (const machine of net?.machines ?? []) {
		await machine.restore();
		await machine.endTerminals();
	}
});
afterAll(() => net?.tearDown());

describe("two machines without each other", () => {
	test(
		"sync a session each to the backend that is on neither of them",
		async () => {
			for (const machine of [net.a, net.b]) {
				const terminal = await machine.terminal({ env: { ...net.env, ...OPEN } });
				await terminal.submit(`hello from ${machine.name}`);
				(await machine.model.next()).text(`Hello, ${machine.name}.`).finish();
				await terminal.waitForText(`Hello, ${machine.name}.`);
				await terminal.waitForText("opensync: synced");
				await terminal.quit();
			}
			const titles = (await net.sessions()).map(({ title }) => title).sort();
			expect(titles).toEqual(["hello from a", "hello from b"]);
		},
		SLOW,
	);

	test(
		"go on where their link is cut, say so, and have all of it stored after it is back",
		async () => {
			const terminal = await net.a.terminal({ env: { ...net.env, ...OPEN } });
			await terminal.submit("before the cut");
			const request = await net.a.model.next();
			request.text("Begun with a link, ");
			await waitFor(
				async () => (await net.sessions()).some(({ title }) => title === "before the cut"),
				"the session",
			);
			await net.a.cut();
			request.text("ended without.").finish();
			await terminal.waitForText("ended without.");
			await terminal.submit("in the dark");
			(await net.a.model.next()).text("Nobody hears this.").finish();
			await terminal.waitForText("Nobody hears this.");
			await terminal.waitForText("opensync: offline", LINK_MS);
			await net.a.restore();
			await terminal.waitForText("opensync: synced", LINK_MS);
			const [file] = net.a.sessionFiles("Nobody hears this.");
			expect(await net.stored(file as string)).toEqual(readSession(file as string).entries);
		},
		SLOW,
	);
});
