/** H1: whatever the backend does, nothing is printed and no rejection goes unheard; looked at from outside, in the runtime that Pi has. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../support/source-tree.ts";

const TOKENS = `
import { createConvexBackend } from "${join(ROOT, "src/backend/convex-backend.ts")}";
import { createServer } from "node:http";
const server = createServer((request, response) => {
	request.resume();
	if (request.url === "/auth/token") {
		const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
		const now = Math.floor(Date.now() / 1000);
		const token = [part({ alg: "ES256" }), part({ iat: now, exp: now + 3600 }), "x"].join(".");
		response.end(JSON.stringify({ token, expiresAt: Date.now() + 3600_000, scopes: [], userName: "" }));
		return;
	}
	response.writeHead(500).end("no socket here");
});
`;

const BROKEN = `${TOKENS}
server.on("upgrade", (request, socket) => socket.destroy());
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = "http://127.0.0.1:" + server.address().port;
const backends = [
	createConvexBackend({ convexUrl: url, siteUrl: url, apiKey: "osk_x", deadlineMs: 300 }),
	createConvexBackend({ convexUrl: "http://127.0.0.1:9", apiKey: "osk_x", deadlineMs: 300 }),
	createConvexBackend({ convexUrl: "nonsense", apiKey: "", deadlineMs: 300 }),
];
for (const backend of backends) {
	backend.onPresence("s", () => {});
	backend.append({ sessionId: "s", entries: [] }).catch(() => {});
}
await new Promise((resolve) => setTimeout(resolve, 600));
await Promise.all(backends.map((backend) => backend.close()));
server.closeAllConnections();
server.close();
process.exitCode = 7;
`;

/** Each frame is what a socket says first; a second socket of the same client shows that it has come again. */
const NONSENSE = `${TOKENS}
import { WebSocketServer } from "ws";
const version = { querySet: 5, identity: 5, ts: "AAAAAAAAAAA=" };
const frames = [
	"<html>not what you think</html>",
	"null",
	JSON.stringify({ type: "Surprise" }),
	JSON.stringify({ type: "FatalError", error: "your client is too old" }),
	JSON.stringify({ type: "Transition", startVersion: version, endVersion: version, modifications: [] }),
	JSON.stringify({ type: "TransitionChunk", partNumber: 7, totalParts: 2, transitionId: "x", chunk: "{" }),
	JSON.stringify({ type: "MutationResponse", requestId: 0, success: true, ts: "x" }),
	Buffer.from([0, 159, 146, 150]),
];
const sockets = new WebSocketServer({ server });
const counts = new Map();
sockets.on("connection", (socket, request) => {
	const which = Number(/^\\/(\\d+)/.exec(request.url)[1]);
	counts.set(which, (counts.get(which) ?? 0) + 1);
	socket.on("error", () => {});
	socket.send(frames[which]);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = "http://127.0.0.1:" + server.address().port;
const backends = frames.map((_frame, which) =>
	createConvexBackend({ convexUrl: url + "/" + which, siteUrl: url, apiKey: "osk_x", deadlineMs: 300 }));
for (const backend of backends) {
	backend.onPresence("s", () => {});
	backend.append({ sessionId: "s", entries: [] }).catch(() => {});
}
const until = Date.now() + 10_000;
while (frames.some((_frame, which) => (counts.get(which) ?? 0) < 2) && Date.now() < until)
	await new Promise((resolve) => setTimeout(resolve, 20));
console.log(JSON.stringify(frames.map((_frame, which) => (counts.get(which) ?? 0) > 1)));
await Promise.all(backends.map((backend) => backend.close()));
sockets.close();
server.closeAllConnections();
server.close();
process.exitCode = 7;
`;

/** Takes the socket, and does not even answer its close. */
const STANDING = `${TOKENS}
import { createHash } from "node:crypto";
let opened;
const open = new Promise((resolve) => { opened = resolve; });
server.on("upgrade", (request, socket) => {
	const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	const accept = createHash("sha1").update(key).digest("base64");
	socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n" +
		"Sec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n");
	socket.on("error", () => {});
	socket.once("data", () => { opened(); });
	socket.unref();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = "http://127.0.0.1:" + server.address().port;
const backend = createConvexBackend({ convexUrl: url, siteUrl: url, apiKey: "osk_x", deadlineMs: 300 });
await open;
await Promise.race([backend.close(), new Promise((resolve) => setTimeout(resolve, 300))]);
server.unref();
process.exitCode = 7;
`;

async function run(program: string): Promise<{ output: string; code: number }> {
	const child = Bun.spawn([join(ROOT, "node_modules/.bin/node"), "--input-type=module", "-e", program], {
		cwd: ROOT,
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
	});
	const [stdout, stderr, code] = await Promise.all([
		new Response(child.stdout).text(),
		new Response(child.stderr).text(),
		child.exited,
	]);
	return { output: stdout + stderr, code };
}

test("a backend that breaks every connection leaves the process silent, alive, and free to end", async () => {
	expect(await run(BROKEN)).toEqual({ output: "", code: 7 });
}, 20_000);

test("a backend whose sockets talk nonsense ends no process, and is asked again", async () => {
	const all = `[${Array(8).fill("true").join(",")}]\n`;
	expect(await run(NONSENSE)).toEqual({ output: all, code: 7 });
}, 30_000);

test("a backend that stands still and answers no close keeps no process", async () => {
	expect(await run(STANDING)).toEqual({ output: "", code: 7 });
}, 20_000);
