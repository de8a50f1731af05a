/** A program: serves the test app until SIGTERM. Run by tests in a runtime of their choice. */
import { join } from "node:path";
import { runEngine } from "../../../src/server/engine-main.ts";

const server = await runEngine({
	functionsDir: join(import.meta.dirname, "..", "..", "fixtures", "convex-server-app"),
	dataDir: process.argv[2] ?? null,
	adminKey: "server-app|0123456789abcdef",
	port: Number(process.argv[3] ?? 0),
	sitePort: Number(process.argv[4] ?? 0),
});
process.once("SIGTERM", () => server.close().then(() => process.exit(0)));
console.log(JSON.stringify({ url: server.url, siteUrl: server.siteUrl }));
