/** A loaded app: its functions and the modules that configure it. Refuses by name what is not supported. */

import type { CronSpec } from "../scheduler/crons.ts";
import type { AppSchema, SchemaJson } from "../transaction/app-schema.ts";
import { EngineStartError } from "../types.ts";
import type { LoadedModules } from "./bundle-functions.ts";
import { type AppFunction, FunctionTable } from "./function-table.ts";

/** `http.ts`'s default export, as far as it is used. */
export type HttpRouter = {
	isRouter: true;
	lookup(
		path: string,
		method: string,
	): [{ invokeHttpAction(request: Request): Promise<Response> }, string, string] | null;
};

export type App = Readonly<{
	functions: FunctionTable;
	schema: SchemaJson | null;
	crons: Record<string, CronSpec>;
	http: HttpRouter | null;
	authProviders: readonly unknown[];
}>;

export type { AppFunction, AppSchema };

/** Modules that configure the app; they export no functions. */
const CONFIG_MODULES = new Set(["schema", "crons", "auth.config", "convex.config"]);

export function readApp({ modules }: LoadedModules): App {
	refuseComponents(modules.get("convex.config")?.default);
	const functionModules = new Map([...modules].filter(([name]) => !CONFIG_MODULES.has(name)));
	return {
		functions: new FunctionTable(functionModules),
		schema: readSchema(modules.get("schema")?.default),
		crons: readCrons(modules.get("crons")?.default),
		http: readHttp(modules.get("http")?.default),
		authProviders: readAuth(modules.get("auth.config")?.default),
	};
}

function fail(message: string): never {
	throw new EngineStartError("functions", message);
}

function refuseComponents(config: unknown): void {
	const used = (config as { _childComponents?: unknown[] } | undefined)?._childComponents;
	if (used && used.length > 0) {
		throw new EngineStartError(
			"unsupported",
			"convex.config.ts uses components, which this backend does not support; remove the app.use(...) calls.",
		);
	}
}

function readSchema(schema: unknown): SchemaJson | null {
	if (schema === undefined) return null;
	const { export: exportSchema } = schema as { export?: () => string };
	if (typeof exportSchema !== "function")
		fail("schema.ts must have the result of defineSchema as its default export.");
	try {
		return JSON.parse((schema as { export: () => string }).export()) as SchemaJson;
	} catch (error) {
		throw new EngineStartError("schema", `schema.ts cannot be read: ${(error as Error).message}`);
	}
}

function readCrons(crons: unknown): Record<string, CronSpec> {
	if (crons === undefined) return {};
	if ((crons as { isCrons?: boolean }).isCrons !== true)
		fail("crons.ts must have the result of cronJobs() as its default export.");
	return JSON.parse((crons as { export: () => string }).export()) as Record<string, CronSpec>;
}

function readHttp(http: unknown): HttpRouter | null {
	if (http === undefined) return null;
	if ((http as Partial<HttpRouter>).isRouter !== true)
		fail("http.ts must have the result of httpRouter() as its default export.");
	return http as HttpRouter;
}

function readAuth(config: unknown): readonly unknown[] {
	if (config === undefined) return [];
	const providers = (config as { providers?: unknown }).providers;
	if (!Array.isArray(providers))
		fail("auth.config.ts must have an object with a list `providers` as its default export.");
	return providers as unknown[];
}
