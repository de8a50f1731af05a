/** Connections and servers that go away at the worst moment: nothing runs twice, nothing is lost, clients go on. */
import { afterEach, expect, test } from "bun:test";
import fc from "fast-check";
import { connect, modify, mutate, openRawSocket } from "../contract/server/raw-socket.ts";
import {
	ADMIN_KEY,
	action,
	mutation,
	query,
	type RunningApp,
	startApp,
	temporaryFolder,
	until,
	watch,
} from "../contract/server/running-app.ts";
import { freePorts } from "../support/free-ports.ts";

const cleanUp: (() => void | Promise<void>)[] = [];
afterEach(async () => {
	for (const step of cleanUp.splice(0).reverse()) await step();
});

async function start(options: Parameters<typeof startApp>[0] = {}): Promise<RunningApp> {
	const app = await startApp(options);
	cleanUp.push(() => app.close());
	return app;
}

/** Swallows the frames for which `lose` says so, and breaks the connection there. */
function losing(lose: (frame: { type: string }) => boolean): {
	Socket: typeof WebSocket;
	lost: () => number;
} {
	let lost = 0;
	class Losing extends WebSocket {
		override set onmessage(take: (event: MessageEvent) => void) {
			let broken = false;
			this.addEventListener("message", (event) => {
				if (broken) return;
				if (lose(JSON.parse(String(event.data)))) {
					broken = true;
					lost++;
					this.close();
				} else take(event);
			});
		}
	}
	return { Socket: Losing as unknown as typeof WebSocket, lost: () => lost };
}

test("A mutation whose response is lost is sent again, runs once, and resolves with its first result", async () => {
	const app = await start();
	let once = true;
	const { Socket, lost } = losing(({ type }) => {
		if (type !== "MutationResponse" || !once) return false;
		once = false;
		return true;
	});
	const client = app.client({ webSocketConstructor: Socket });
	const counter = watch<number>(client, "notes:counter", { name: "lost" });
	await counter.until((value) => value === 0);
	expect(await client.mutation(mutation("notes:count"), { name: "lost" })).toBe(1);
	expect(lost()).toBe(1);
	expect(await counter.until((value) => value > 0)).toBe(1);
	expect(await app.http().query(query("notes:counter"), { name: "lost" })).toBe(1);
});

test("A mutation whose transition is lost resolves after the reconnect, and ran once", async () => {
	const app = await start();
	let armed = false;
	const { Socket, lost } = losing(({ type }) => {
		if (type === "MutationResponse") armed = true;
		if (type !== "Transition" || !armed || lost() > 0) return false;
		return true;
	});
	const client = app.client({ webSocketConstructor: Socket });
	watch<number>(client, "notes:counter", { name: "late" });
	expect(await client.mutation(mutation("notes:count"), { name: "late" })).toBe(1);
	expect(lost()).toBe(1);
	expect(await app.http().query(query("notes:counter"), { name: "late" })).toBe(1);
});

test("An action in flight when the connection breaks fails at the client", async () => {
	const app = await start();
	let sockets: WebSocket[] = [];
	class Kept extends WebSocket {
		constructor(url: string | URL) {
			super(url);
			sockets.push(this);
		}
	}
	const client = app.client({ webSocketConstructor: Kept });
	const waiting = client
		.action(action("notes:waitFor"), { room: "cut", text: "never" })
		.catch((error: Error) => error);
	await until(
		() => client.connectionState().hasInflightRequests && client.connectionState().isWebSocketConnected,
	);
	await client.mutation(mutation("notes:send"), { room: "cut", text: "arrived" });
	sockets.at(-1)?.close();
	sockets = [];
	expect(String(await waiting)).toContain("Connection lost while action was in flight");
	await app.http().mutation(mutation("notes:send"), { room: "cut", text: "never" });
});

test("Clients whose connections break again and again count to exactly what they were told to", async () => {
	const app = await start();
	const frames = fc.sample(fc.integer({ min: 1, max: 25 }), { seed: 11, numRuns: 12 });
	const counters = Array.from({ length: 6 }, (_, n) => {
		// Breaks after that many frames, twice; then holds.
		let left = frames[2 * n] as number;
		let breaks = 0;
		const { Socket, lost } = losing(() => {
			if (breaks === 2 || --left > 0) return false;
			left = frames[2 * n + 1] as number;
			breaks++;
			return true;
		});
		const client = app.client({ webSocketConstructor: Socket });
		return { client, lost, values: watch<number>(client, "notes:counter", { name: "all" }) };
	});
	const results = await Promise.all(
		counters.flatMap(({ client }) =>
			Array.from({ length: 25 }, () => client.mutation(mutation("notes:count"), { name: "all" })),
		),
	);
	expect(results.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 150 }, (_, n) => n + 1));
	for (const { values, lost } of counters) {
		await values.until((value) => value === 150);
		expect(values.seen).toEqual(values.seen.toSorted((a, b) => a - b));
		expect(lost()).toBe(2);
	}
	expect(app.logged.filter((line) => /failed:/.test(line))).toEqual([]);
}, 20_000);

test("Clients of a server that is started again on the same data go on, without a fatal error", async () => {
	const folder = temporaryFolder();
	cleanUp.push(folder.remove);
	const [port, sitePort] = (await freePorts(2)) as [number, number];
	const first = await startApp({ dataDir: folder.path, port, sitePort });
	const lines: string[] = [];
	const client = first.client({ lines });
	const reader = watch<string[]>(client, "notes:list", { room: "kept" });
	await client.mutation(mutation("notes:send"), { room: "kept", text: "before" });
	await reader.until((texts) => texts.length === 1);
	await first.stop();
	await until(() => !client.connectionState().isWebSocketConnected);
	const meanwhile = client.mutation(mutation("notes:send"), { room: "kept", text: "while it was gone" });
	const second = await start({ dataDir: folder.path, port, sitePort });
	await meanwhile;
	await second.http().mutation(mutation("notes:send"), { room: "kept", text: "after" });
	expect(await reader.until((texts) => texts.length === 3)).toEqual(["before", "while it was gone", "after"]);
	expect(lines.filter((line) => /fatal/i.test(line))).toEqual([]);
	expect(reader.errors).toEqual([]);
	await client.close();
});

test("Closing lets the mutation under way end, and tells clients that the server goes", async () => {
	const app = await startApp();
	const socket = await openRawSocket(app.url);
	socket.send(connect());
	socket.send(modify(0, []));
	await socket.nextOf("Transition");
	for (let n = 0; n < 10; n++) socket.send(mutate(n, "notes:count", { name: "closing" }));
	await socket.nextOf("MutationResponse");
	const closing = app.close();
	expect((await socket.closed).code).toBe(1001);
	await closing;
	await expect(fetch(`${app.url}/version`)).rejects.toThrow();
});

test("Closing does not wait for clients that hold their connections open", async () => {
	const app = await startApp();
	await Promise.all(
		Array.from({ length: 5 }, () => fetch(`${app.siteUrl}/hello`).then((reply) => reply.text())),
	);
	await openRawSocket(app.url);
	const waiting = fetch(`${app.url}/api/action`, {
		method: "POST",
		headers: { Authorization: `Convex ${ADMIN_KEY}`, "Content-Type": "application/json" },
		body: JSON.stringify({ path: "notes:waitFor", args: { room: "held", text: "never" } }),
	}).catch(() => null);
	await until(async () => (await fetch(`${app.url}/version`)).ok);
	await app.close();
	await waiting;
});
