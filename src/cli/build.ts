/** Builds what an installed package runs without Bun: the command line as one file, and the page. */
import { join } from "node:path";
import { build } from "esbuild";
import { buildDashboard } from "../dashboard/build.ts";
import { DASHBOARD_DIR, PROJECT_DIR } from "./project.ts";

await build({
	entryPoints: [join(PROJECT_DIR, "src", "cli", "main.ts")],
	outfile: join(PROJECT_DIR, "dist", "cli.js"),
	bundle: true,
	platform: "node",
	target: "node22",
	format: "esm",
	packages: "external",
	logLevel: "warning",
});
await buildDashboard(DASHBOARD_DIR);
