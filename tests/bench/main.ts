/**
 * `npm run bench [section…]`: figures with medians and spread, not pass or fail. Sections: engine, import,
 * import-many, search, live, handlers, follow. Ratios are of one run on one machine.
 */
import { cpus, totalmem } from "node:os";
import { type Figure, figureLine } from "./stats.ts";

const SECTIONS: Record<string, () => Promise<Figure[]>> = {
	engine: async () => await (await import("./engine.ts")).engineFigures(),
	import: async () => await (await import("./import.ts")).importFigures(),
	"import-many": async () => await (await import("./import-many.ts")).importManyFigures(),
	search: async () => await (await import("./search.ts")).searchFigures(),
	live: async () => await (await import("./live.ts")).liveFigures(),
	handlers: async () => await (await import("./handlers.ts")).handlerFigures(),
	follow: async () => await (await import("./follow.ts")).followFigures(),
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in SECTIONS));
if (unknown.length > 0) {
	console.error(`There is no section ${unknown.join(", ")}. There are: ${Object.keys(SECTIONS).join(", ")}.`);
	process.exit(2);
}
const [cpu] = cpus();
console.log(
	`${cpus().length} cores (${cpu?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Bun ${Bun.version}`,
);
for (const name of named.length > 0 ? named : Object.keys(SECTIONS)) {
	console.log(`\n${name}`);
	for (const figure of (await SECTIONS[name]?.()) ?? []) console.log(`  ${figureLine(figure)}`);
}
process.exit(0);
