/** Stands in for a missing `_generated` folder, so that an app runs before its types were generated. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "esbuild";

const BUILDERS = [
	"query",
	"internalQuery",
	"mutation",
	"internalMutation",
	"action",
	"internalAction",
	"httpAction",
];

const MODULES: Record<string, string> = {
	server: `export { ${BUILDERS.map((name) => `${name}Generic as ${name}`).join(", ")} } from "convex/server";`,
	api: 'import { anyApi, componentsGeneric } from "convex/server";\nexport const api = anyApi;\nexport const internal = anyApi;\nexport const components = componentsGeneric();',
	dataModel: "export {};",
};

/** The plugin, or null when the app has its own generated code. */
export function generatedCode(functionsDir: string): Plugin | null {
	if (existsSync(join(functionsDir, "_generated"))) return null;
	return {
		name: "generated-code",
		setup(build) {
			build.onResolve(
				{ filter: /^\..*\/_generated\/(api|server|dataModel)(\.[jt]s)?$/ },
				({ path, resolveDir }) => {
					const name = path.replace(/^.*\//, "").replace(/\.[jt]s$/, "");
					// A module from elsewhere may bring the generated code of its own app.
					const own = join(resolveDir, path.replace(/[^/]*$/, ""));
					if ([".js", ".ts", ".d.ts"].some((ending) => existsSync(join(own, name + ending))))
						return undefined;
					return { path: name, namespace: "generated" };
				},
			);
			build.onLoad({ filter: /./, namespace: "generated" }, ({ path }) => ({
				contents: MODULES[path] as string,
				resolveDir: functionsDir,
			}));
		},
	};
}
