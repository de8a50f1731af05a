/**
 * Builds the page: `index.html` and, below `assets/`, one script and one style sheet whose names carry
 * their hash, so that a server may let browsers keep them for ever. No inline script or style: the page
 * holds under `default-src 'self'`.
 */
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
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
		// The first ones that know `light-dark()`.
		target: ["es2022", "chrome123", "firefox120", "safari17.5"],
		jsx: "automatic",
		legalComments: "none",
		write: false,
		logLevel: "silent",
	});
	const names = result.outputFiles.map((file) => basename(file.path));
	const script = names.find((name) => name.endsWith(".js"));
	const style = names.find((name) => name.endsWith(".css"));
	if (!script || !style) throw new Error("The page's build gave no script or no style sheet.");
	await mkdir(join(outDir, "assets"), { recursive: true });
	for (const file of result.outputFiles)
		await put(join(outDir, "assets", basename(file.path)), file.contents);
	await put(join(outDir, "index.html"), indexHtml(script, style));
	await removeOthers(join(outDir, "assets"), new Set(names));
}

/** Whole or not at all: another process may be serving or building the same page. */
async function put(path: string, content: string | Uint8Array): Promise<void> {
	const draft = `${path}.${process.pid}.draft`;
	await writeFile(draft, content);
	await rename(draft, path);
}

async function removeOthers(folder: string, keep: ReadonlySet<string>): Promise<void> {
	const stale = (await readdir(folder)).filter((name) => !keep.has(name) && !name.endsWith(".draft"));
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
