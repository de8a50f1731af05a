/** The import rules of AGENTS.md as data, and the check that applies them. */
import { importsOf, resolveImport } from "./source-tree.ts";

/** One folder: which of our folders and which packages it may import. */
type Rule = { folder: string; ours: string[]; packages: RegExp[] };

const NODE = /^node:/;
const CONVEX_VALUES = /^convex\/values$/;

/** Longest matching folder wins. */
export const RULES: Rule[] = [
	{ folder: "src/lib/node", ours: ["src/lib"], packages: [NODE] },
	{ folder: "src/lib", ours: [], packages: [] },
	{ folder: "src/protocol", ours: ["src/lib"], packages: [CONVEX_VALUES] },
	{
		folder: "convex",
		ours: ["src/protocol", "src/lib"],
		packages: [/^convex\//, /^convex-helpers/, /^jose$/],
	},
	{ folder: "src/session", ours: ["src/lib", "src/protocol"], packages: [] },
	{ folder: "src/agents", ours: ["src/lib", "src/protocol"], packages: [] },
	{ folder: "src/redaction", ours: ["src/lib", "src/protocol", "src/session"], packages: [/^@secretlint\//] },
	{ folder: "src/sync", ours: ["src/lib", "src/protocol", "src/session"], packages: [/^p-queue$/] },
	{
		folder: "src/backend",
		ours: ["src/lib", "src/protocol", "src/sync/ports.ts", "convex/_generated"],
		packages: [/^convex\/(browser|server|values)$/, NODE],
	},
	{
		folder: "src/engine/storage",
		ours: ["src/lib", "src/engine"],
		packages: [/^node:sqlite$/, NODE, CONVEX_VALUES],
	},
	{
		folder: "src/engine",
		ours: ["src/lib"],
		packages: [/^convex\/(values|server)$/, /^node:(?!sqlite)/, /^esbuild$/],
	},
	{
		folder: "src/server",
		ours: ["src/lib", "src/engine", "src/config", "convex"],
		packages: [NODE, /^ws$/, /^jose$/, CONVEX_VALUES],
	},
	{ folder: "src/config", ours: ["src/lib"], packages: [NODE, /^conf$/] },
	{
		folder: "src/extension",
		ours: [
			"src/lib",
			"src/protocol",
			"src/session",
			"src/redaction",
			"src/sync",
			"src/backend",
			"src/config",
			"src/extension",
		],
		packages: [NODE, /^@earendil-works\//],
	},
	{
		folder: "src/cli",
		ours: [
			"src/lib",
			"src/protocol",
			"src/session",
			"src/redaction",
			"src/sync",
			"src/agents",
			"src/backend",
			"src/config",
			"src/engine",
			"src/server",
			"src/dashboard/build.ts",
			"convex/_generated",
			"src/cli",
		],
		packages: [NODE, /^commander$/, /^cli-progress$/, /^jose$/, /^convex\//],
	},
	{
		folder: "src/dashboard",
		ours: ["src/lib", "src/protocol", "src/session", "convex/_generated"],
		packages: [
			/^react(-dom)?(\/.*)?$/,
			/^convex\/(react|values|browser|server)$/,
			/^react-markdown$/,
			/^remark-gfm$/,
			/^rehype-sanitize$/,
		],
	},
];

/** Build scripts: the page's is a Node program that stands beside it. */
const EXCEPTIONS: Record<string, RegExp> = {
	"src/dashboard/build.ts": /^(node:|esbuild$)/,
	"src/cli/build.ts": /^esbuild$/,
};

export type Violation = { file: string; why: string };

export function violationsIn(file: string, text: string): Violation[] {
	const rule = RULES.filter((one) => file.startsWith(`${one.folder}/`)).sort(
		(a, b) => b.folder.length - a.folder.length,
	)[0];
	if (!rule) return [{ file, why: "lies in no folder of the layout" }];
	const violations: Violation[] = [];
	for (const { specifier } of importsOf(text)) {
		const why = judge(rule, file, specifier);
		if (why) violations.push({ file, why });
	}
	return violations;
}

function judge(rule: Rule, file: string, specifier: string): string | null {
	if (EXCEPTIONS[file]?.test(specifier)) return null;
	if (!specifier.startsWith(".")) {
		return rule.packages.some((allowed) => allowed.test(specifier))
			? null
			: `may not import the package ${specifier}`;
	}
	const target = resolveImport(file, specifier);
	if (
		rule.folder !== "src/lib/node" &&
		rule.folder === "src/dashboard" &&
		target.startsWith("src/lib/node/")
	) {
		return `may not import ${target}: it needs Node`;
	}
	if (rule.folder === "src/lib" && target.startsWith("src/lib/node/"))
		return `may not import ${target}: it needs Node`;
	const inside = target.startsWith(`${rule.folder}/`);
	const allowed = inside || rule.ours.some((folder) => target === folder || target.startsWith(`${folder}/`));
	return allowed ? null : `may not import ${target}`;
}
