/** Requests to this machine pass no proxy, in the runtime of the command line; Pi's is looked at with a real Pi. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../support/source-tree.ts";

const PROGRAM = `
import { ownFetch } from "${join(ROOT, "src/backend/own-machine.ts")}";
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("straight") });
const url = "http://127.0.0.1:" + server.port;
const past = await fetch(url).then((answer) => answer.text(), () => "by the proxy");
console.log(past, "/", await (await ownFetch(url)).text());
await server.stop(true);
`;

test("what goes to this machine passes no proxy under Bun, which else would take it", async () => {
	const proxy = "http://127.0.0.1:9";
	const child = Bun.spawn([process.execPath, "-e", PROGRAM], {
		cwd: ROOT,
		env: { PATH: process.env.PATH ?? "", HTTP_PROXY: proxy, http_proxy: proxy },
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
	});
	expect((await new Response(child.stdout).text()).trim()).toBe("by the proxy / straight");
	expect(await child.exited).toBe(0);
});
