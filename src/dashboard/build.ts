/**
 * Builds the page: `index.html` and, below `assets/`, one script and one style sheet whose names carry
 * their hash, so that a server may let browsers keep them for ever. No inline script or style: the page
 * holds under `default-src 'self'`.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

/**
 * The page shows what others wrote. Scripts and styles are its own alone; `connect-src` is wide because a
 * person may sign in to a backend elsewhere; pictures come only out of entries (`data:`).
 */
const CONTENT_SECURITY_POLICY = [
	"default-src 'self'",
	"connect-src 'self' http: https: ws: wss:",
	"img-src 'self' data:",
	"object-src 'none'",
	"base-uri 'none'",
	"form-action 'none'",
].join("; ");

/** Writes the page into `outDir` (made when missing); assets of an earlier build are removed. */
export async function buildDashboard(outDir: string): Promise<void> {
	const source = import.meta.dirname;
	const result = await build({
		entryPoints: { page: join(source, "main.tsx"), style: join(source, "style/page.css") },
		outdir: join(outDir, "assets"),
		entryNames: "[name]-[hash]",
		bundle: true,
		minify: true,
		format: "esm",
		target: ["es2022", "chrome110", "firefox115", "safari16"],
		jsx: "automatic",
		legalComments: "none",
		metafile: true,
		logLevel: "silent",
	});
	const files = Object.keys(result.metafile.outputs).map((path) => basename(path));
	const script = files.find((name) => name.endsWith(".js"));
	const style = files.find((name) => name.endsWith(".css"));
	if (!script || !style) throw new Error("The page's build gave no script or no style sheet.");
	await removeOthers(join(outDir, "assets"), new Set(files));
	await mkdir(outDir, { recursive: true });
	await writeFile(join(outDir, "index.html"), indexHtml(script, style));
}

async function removeOthers(folder: string, keep: ReadonlySet<string>): Promise<void> {
	const stale = (await readdir(folder)).filter((name) => !keep.has(name));
	await Promise.all(stale.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

function indexHtml(script: string, style: string): string {
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>pi-opensync</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="./assets/${style}">
<script type="module" src="./assets/${script}"></script>
</head>
<body>
<div id="root"></div>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`;
}
