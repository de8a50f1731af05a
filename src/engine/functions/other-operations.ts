/** The operations besides the database: calls, scheduler, files, identity and facts about the call. */
import { createHash } from "node:crypto";
import { must } from "../../lib/assert.ts";
import { bytesOf, type Json } from "../values/json-value.ts";
import { type Execution, isAction } from "./execution.ts";
import { OperationError, operationErrorOf } from "./function-error.ts";
import { canonicalPath, longPathOf } from "./function-table.ts";
import type { InnerResult, Services } from "./services.ts";

type Args = Record<string, Json>;
type Operation = (services: Services, execution: Execution, args: Args) => string | Promise<string>;

const HANDLE = "function://";
const MAX_SCHEDULE_MS = 5 * 366 * 24 * 3600 * 1000;
const MAX_SCHEDULED_ARGS = 4 * 1024 * 1024;

/** Path of the function that `name`, `reference` or `functionHandle` means. */
function pathOf(args: Args): string {
	if (typeof args.functionHandle === "string")
		return args.functionHandle.slice(HANDLE.length).replace(/^;/, "");
	if (typeof args.name === "string") return canonicalPath(args.name);
	throw new OperationError(
		"Components are not supported by this backend: only functions of the app itself can be called.",
	);
}

function textOf(result: InnerResult): string {
	if (result.kind === "ok") return result.valueJson;
	throw operationErrorOf(result.failure);
}

async function runUdf(services: Services, execution: Execution, args: Args): Promise<string> {
	const kind = args.udfType === "mutation" ? "mutation" : "query";
	if (execution.kind === "query" && kind === "mutation")
		throw new Error("Cannot call a mutation function from a query function");
	const limits = (args.transactionLimits ?? {}) as Record<string, number>;
	return textOf(
		await services.runNested(execution, kind, { path: pathOf(args), args: args.args as Json, limits }),
	);
}

function fromAction(kind: "query" | "mutation" | "action"): Operation {
	return async (services, execution, args) =>
		textOf(
			await services.runFromAction(execution, kind, {
				path: pathOf(args),
				args: args.args as Json,
				limits: {},
			}),
		);
}

/** Checks what is to be scheduled; returns the path as documents show it. */
function checkSchedule(
	services: Services,
	execution: Execution,
	args: Args,
): { path: string; args: Json[]; dueMs: number } {
	const path = pathOf(args);
	const dueMs = (args.ts as number) * 1000;
	const delay = dueMs - (isAction(execution) ? services.now() : execution.startMs);
	if (Math.abs(delay) > MAX_SCHEDULE_MS) {
		const side = delay > 0 ? "future" : "past";
		throw new Error(`${new Date(dueMs).toISOString()} is more than 5 years in the ${side}`);
	}
	const fn = services.functions.byPath.get(path);
	if (!fn) {
		const [module, name] = longPathOf(path).split(":") as [string, string];
		const known = [...services.functions.byPath.keys()].some((one) =>
			longPathOf(one).startsWith(`${module}:`),
		);
		throw new Error(
			known
				? `Attempted to schedule function, but no exported function ${name} found in the file: ${module}. Did you forget to export it?`
				: `Attempted to schedule function at nonexistent path: ${module}`,
		);
	}
	if (fn.kind !== "mutation" && fn.kind !== "action")
		throw new Error(`Only mutations and actions can be scheduled; ${fn.longPath} is a ${fn.kind}`);
	const list = [args.args as Json];
	const size = JSON.stringify(list).length;
	if (size > MAX_SCHEDULED_ARGS)
		throw new Error(
			`Arguments of a scheduled function are too large (${size} bytes > maximum size ${MAX_SCHEDULED_ARGS} bytes)`,
		);
	if (execution.tx) {
		execution.tx.usage.add("functionsScheduled", 1);
		execution.tx.usage.add("scheduledFunctionArgsBytes", size);
	}
	return { path: fn.longPath, args: list, dueMs };
}

async function schedule(services: Services, execution: Execution, args: Args): Promise<string> {
	const job = checkSchedule(services, execution, args);
	const id = await services.writeAlone((tx) => services.jobs.schedule(tx, job.path, job.args, job.dueMs));
	return JSON.stringify(id);
}

function scheduleInMutation(services: Services, execution: Execution, args: Args): string {
	const job = checkSchedule(services, execution, args);
	return JSON.stringify(services.jobs.schedule(txOf(execution), job.path, job.args, job.dueMs));
}

function txOf(execution: Execution): NonNullable<Execution["tx"]> {
	if (execution.kind !== "mutation") throw new Error("Writes are only allowed in mutations");
	return must(execution.tx, "transaction");
}

function cancelInMutation(services: Services, execution: Execution, args: Args): string {
	const tx = txOf(execution);
	if (!services.jobs.cancel(tx, String(args.id), execution.startMs)) throw unknownJob(args);
	return "null";
}

async function cancelInAction(services: Services, _execution: Execution, args: Args): Promise<string> {
	const known = await services.writeAlone((tx) => services.jobs.cancel(tx, String(args.id), services.now()));
	if (!known) throw unknownJob(args);
	return "null";
}

function unknownJob(args: Args): Error {
	return new Error(
		`Invalid argument \`id\` for \`db.cancel_job\`: no scheduled function has the ID ${args.id}`,
	);
}

function storageGetUrl(services: Services, execution: Execution, args: Args): string | Promise<string> {
	const read = (): string => {
		const uuid = services.files.uuidOf(args.storageId as string);
		noteFileRead(services, execution, args.storageId as string);
		return uuid === null ? "null" : JSON.stringify(`${services.cloudUrl}/api/storage/${uuid}`);
	};
	return isAction(execution) ? services.readAlone(read) : read();
}

/** A file's document counts as read, so that a query hears of the file's end. */
function noteFileRead(services: Services, execution: Execution, storageId: string): void {
	const table = services.catalog.table("_storage");
	if (!execution.tx || !table) return;
	const id = services.files.find(storageId)?.storageId ?? storageId;
	if (execution.tx.tableOfId(id) === "_storage") execution.tx.get(table, id);
}

function storageGetMetadata(services: Services, execution: Execution, args: Args): string | Promise<string> {
	const read = (): string => {
		noteFileRead(services, execution, args.storageId as string);
		const file = services.files.find(args.storageId as string);
		if (!file) return "null";
		return JSON.stringify({
			storageId: services.files.uuidOf(file.storageId),
			sha256: Buffer.from(file.sha256Base64, "base64").toString("hex"),
			size: file.sizeBytes,
			contentType: file.contentType,
		});
	};
	return isAction(execution) ? services.readAlone(read) : read();
}

function storageGenerateUploadUrl(services: Services): string {
	return JSON.stringify(
		`${services.cloudUrl}/api/storage/upload?token=${encodeURIComponent(services.files.makeUploadToken())}`,
	);
}

async function storageDelete(services: Services, execution: Execution, args: Args): Promise<string> {
	const id = args.storageId as string;
	const found = isAction(execution)
		? await services.writeAlone((tx) => services.files.remove(tx, id))
		: services.files.remove(txOf(execution), id);
	if (!found) throw new Error(`storage id ${id} not found`);
	return "null";
}

function storageStore(services: Services, execution: Execution, args: Args): string {
	const tx = txOf(execution);
	const bytes = bytesOf({ $bytes: args.blob as string });
	checkDigest(args.sha256, createHash("sha256").update(bytes).digest());
	tx.usage.add("filesWritten", 1);
	tx.usage.add("fileWriteBytes", bytes.length);
	const type = typeof args.contentType === "string" && args.contentType !== "" ? args.contentType : null;
	return JSON.stringify(services.files.register(tx, services.files.writeNow(bytes, type)));
}

/** A digest may be given in hex or base64. */
function checkDigest(expected: Json | undefined, actual: Buffer): void {
	if (typeof expected !== "string") return;
	if (expected.toLowerCase() === actual.toString("hex") || expected === actual.toString("base64")) return;
	throw new Error(
		`The SHA-256 of the file (${actual.toString("base64")}) is not the expected one (${expected})`,
	);
}

function storageGet(services: Services, execution: Execution, args: Args): string {
	noteFileRead(services, execution, args.storageId as string);
	const file = services.files.find(args.storageId as string);
	if (!file) return "null";
	execution.tx?.usage.add("filesRead", 1);
	execution.tx?.usage.add("fileReadBytes", file.sizeBytes);
	return JSON.stringify({
		blob: Buffer.from(services.files.readNow(file)).toString("base64"),
		contentType: file.contentType,
	});
}

function getUserIdentity(_services: Services, execution: Execution): string {
	return JSON.stringify(execution.caller.identity);
}

function getRequestMetadata(_services: Services, execution: Execution): string {
	const { caller } = execution;
	return JSON.stringify({
		ip: caller.ip ?? null,
		userAgent: caller.userAgent ?? null,
		requestId: execution.requestId,
		scheduledFunctionId: execution.scheduledId,
		authToken: caller.authToken ?? null,
	});
}

function getFunctionMetadata(_services: Services, execution: Execution): string {
	return JSON.stringify({ name: execution.path, componentPath: "" });
}

function getDeploymentMetadata(): string {
	return JSON.stringify({ name: "local", region: null, class: "embedded" });
}

function getTransactionMetrics(_services: Services, execution: Execution): string {
	return JSON.stringify(must(execution.tx, "transaction").usage.metrics());
}

function createFunctionHandle(services: Services, _execution: Execution, args: Args): string {
	const path = pathOf(typeof args.udfPath === "string" ? { name: args.udfPath } : args);
	if (!services.functions.byPath.has(path)) throw new Error(`Could not find function for '${path}'`);
	return JSON.stringify(`${HANDLE};${path}`);
}

function unsupported(what: string): Operation {
	return () => {
		throw new Error(`${what} not supported by this backend.`);
	};
}

const FOR_ALL: Record<string, Operation> = {
	"1.0/getUserIdentity": getUserIdentity,
	"1.0/storageGetUrl": storageGetUrl,
	"1.0/storageGetMetadata": storageGetMetadata,
	"1.0/getFunctionMetadata": getFunctionMetadata,
	"1.0/getDeploymentMetadata": getDeploymentMetadata,
	"1.0/createFunctionHandle": createFunctionHandle,
};

const FOR_WRITERS: Record<string, Operation> = {
	...FOR_ALL,
	"1.0/storageGenerateUploadUrl": storageGenerateUploadUrl,
	"1.0/storageDelete": storageDelete,
	"1.0/getRequestMetadata": getRequestMetadata,
	"1.0/signJwt": unsupported("ctx.auth.signJwt is"),
	"1.0/auditLog": unsupported("Audit logging is"),
	"1.0/createServiceToken": unsupported("Service tokens are"),
	"1.0/getServiceUrl": unsupported("Services are"),
};

const FOR_QUERIES: Record<string, Operation> = {
	...FOR_ALL,
	"1.0/runUdf": runUdf,
	"1.0/getTransactionMetrics": getTransactionMetrics,
};

const FOR_MUTATIONS: Record<string, Operation> = {
	...FOR_WRITERS,
	...FOR_QUERIES,
	"1.0/schedule": scheduleInMutation,
	"1.0/cancel_job": cancelInMutation,
	"1.0/storageStore": storageStore,
	"1.0/storageGet": storageGet,
};

const FOR_ACTIONS: Record<string, Operation> = {
	...FOR_WRITERS,
	"1.0/actions/query": fromAction("query"),
	"1.0/actions/mutation": fromAction("mutation"),
	"1.0/actions/action": fromAction("action"),
	"1.0/actions/schedule": schedule,
	"1.0/actions/cancel_job": cancelInAction,
	"1.0/actions/vectorSearch": unsupported("Vector search is"),
};

/** Operations by the kind of function that may use them. */
export const OTHER_OPERATIONS: Readonly<Record<Execution["kind"], Readonly<Record<string, Operation>>>> = {
	query: FOR_QUERIES,
	mutation: FOR_MUTATIONS,
	action: FOR_ACTIONS,
	httpAction: FOR_ACTIONS,
};

/** `ctx.storage.store` of an action. */
export async function storeBlob(services: Services, args: Record<string, unknown>): Promise<string> {
	const { blob, options } = args as { blob: Blob; options?: { sha256?: string } };
	if (!(blob instanceof Blob)) {
		throw new Error(
			"store() expects a Blob. If you are trying to store a Request, `await request.blob()` will give you the correct input.",
		);
	}
	const file = await services.files.write(blob.stream(), blob.type === "" ? null : blob.type);
	try {
		checkDigest(options?.sha256, Buffer.from(file.sha256, "base64"));
	} catch (error) {
		services.files.discard(file.uuid);
		throw error;
	}
	return await services.storeFile(file);
}

/** `ctx.storage.get` of an action. */
export async function getBlob(services: Services, args: Record<string, unknown>): Promise<Blob | null> {
	const file = await services.readAlone(() => services.files.find(String(args.storageId)));
	if (!file) return null;
	return new Blob([services.files.readNow(file)], { type: file.contentType ?? "" });
}
