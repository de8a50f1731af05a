/** H1: whatever the backend does, nothing is printed and no rejection goes unheard; looked at from outside, in the runtime that Pi has. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../support/source-tree.ts";

const PROGRAM = `
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

test("a backend that breaks every connection leaves the process silent, alive, and free to end", async () => {
	const child = Bun.spawn([join(ROOT, "node_modules/.bin/node"), "--input-type=module", "-e", PROGRAM], {
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
	expect(stdout + stderr).toBe("");
	expect(code).toBe(7);
}, 20_000);
