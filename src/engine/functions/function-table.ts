/** The app's functions by path, with their validators. */
import type { FunctionInfo, FunctionKind } from "../types.ts";
import { EngineStartError } from "../types.ts";
import type { ValidatorJson } from "../values/validator.ts";

export type AppFunction = FunctionInfo &
	Readonly<{
		/** `dir/mod.js:fn`, as messages and documents name it. */
		longPath: string;
		/** Null takes everything. */
		args: ValidatorJson | null;
		returns: ValidatorJson | null;
		/** For an action the request id comes first. */
		invoke: (...args: string[]) => Promise<string>;
		invokeHttp: ((request: Request) => Promise<Response>) | null;
	}>;

/** What `query()`, `mutation()` and the like return. */
type Registered = {
	isQuery?: boolean;
	isMutation?: boolean;
	isAction?: boolean;
	isHttp?: boolean;
	isPublic?: boolean;
	isInternal?: boolean;
	invokeQuery?: (args: string) => Promise<string>;
	invokeMutation?: (args: string) => Promise<string>;
	invokeAction?: (requestId: string, args: string) => Promise<string>;
	invokeHttpAction?: (request: Request) => Promise<Response>;
	exportArgs?: () => string;
	exportReturns?: () => string;
};

/** `mod` or `mod.js:fn` or `dir/mod:fn` to `dir/mod:fn`; what names no function means `default`. */
export function canonicalPath(path: string): string {
	const colon = path.lastIndexOf(":");
	const module = (colon < 0 ? path : path.slice(0, colon)).replace(/\.js$/, "").replace(/^\/+/, "");
	return `${module}:${colon < 0 ? "default" : path.slice(colon + 1)}`;
}

export function longPathOf(path: string): string {
	return path.replace(":", ".js:");
}

const KIND_NAMES: Record<FunctionInfo["kind"], string> = {
	query: "Query",
	mutation: "Mutation",
	action: "Action",
	httpAction: "HttpAction",
};

export type Lookup = { kind: "found"; fn: AppFunction } | { kind: "refused"; message: string };

export class FunctionTable {
	readonly byPath = new Map<string, AppFunction>();

	constructor(modules: ReadonlyMap<string, Record<string, unknown>>) {
		for (const [module, exports] of modules) {
			for (const [name, value] of Object.entries(exports)) {
				const fn = appFunction(`${module}:${name}`, value);
				if (fn) this.byPath.set(fn.path, fn);
			}
		}
	}

	/** The function at `path`, when it is of that kind and the caller may know of it. */
	lookup(path: string, kind: FunctionKind, mayUseInternal: boolean): Lookup {
		const fn = this.byPath.get(canonicalPath(path));
		if (!fn || fn.kind === "httpAction" || (fn.visibility === "internal" && !mayUseInternal)) {
			const shown = canonicalPath(path).replace(/:default$/, "");
			return {
				kind: "refused",
				message: `Could not find public function for '${shown}'. Did you forget to run \`npx convex dev\`?`,
			};
		}
		if (fn.kind === kind) return { kind: "found", fn };
		return {
			kind: "refused",
			message: `Trying to execute ${fn.longPath} as ${KIND_NAMES[kind]}, but it is defined as ${KIND_NAMES[fn.kind]}.`,
		};
	}
}

function appFunction(path: string, value: unknown): AppFunction | null {
	if ((typeof value !== "function" && typeof value !== "object") || value === null) return null;
	const registered = value as Registered;
	const visibility = registered.isInternal ? "internal" : "public";
	if (registered.isHttp && registered.invokeHttpAction) {
		const invokeHttp = registered.invokeHttpAction;
		return {
			path,
			longPath: longPathOf(path),
			kind: "httpAction",
			visibility: "public",
			args: null,
			returns: null,
			invoke: refuseInvoke,
			invokeHttp,
		};
	}
	const [kind, invoke] = kindOfRegistered(registered);
	if (!kind || !invoke) return null;
	return {
		path,
		longPath: longPathOf(path),
		kind,
		visibility,
		args: exported(path, registered.exportArgs),
		returns: exported(path, registered.exportReturns),
		invoke: invoke as AppFunction["invoke"],
		invokeHttp: null,
	};
}

function refuseInvoke(): Promise<string> {
	return Promise.reject(new Error("An HTTP action can only be called over HTTP"));
}

function kindOfRegistered(registered: Registered): [FunctionKind | null, unknown] {
	if (registered.isQuery) return ["query", registered.invokeQuery];
	if (registered.isMutation) return ["mutation", registered.invokeMutation];
	if (registered.isAction) return ["action", registered.invokeAction];
	return [null, null];
}

function exported(path: string, read: (() => string) | undefined): ValidatorJson | null {
	if (!read) return null;
	let validator: ValidatorJson | null;
	try {
		validator = JSON.parse(read()) as ValidatorJson | null;
	} catch (error) {
		throw new EngineStartError(
			"functions",
			`The validators of ${path} cannot be read: ${(error as Error).message}`,
		);
	}
	return validator?.type === "any" ? null : validator;
}
