/**
 * The `Convex` object that functions talk to: finds the running call and hands the operation on.
 *
 * Operations of a query or mutation run at once, in the order they are issued; while a nested call is under
 * way, later ones wait for it, so a rollback of the nested part can never take theirs along.
 */

import type { QueryJson } from "../query/query-json.ts";
import { int64ToJson, type Json } from "../values/json-value.ts";
import { DATABASE_OPERATIONS, normalizeId } from "./database-operations.ts";
import { type Execution, executionScope, isAction } from "./execution.ts";
import type { Operations } from "./function-globals.ts";
import { getBlob, OTHER_OPERATIONS, storeBlob } from "./other-operations.ts";
import type { Services } from "./services.ts";

type Args = Record<string, Json>;

function runningExecution(): Execution {
	const execution = executionScope.getStore();
	if (!execution)
		throw new Error("The Convex database and auth objects are being used outside of a Convex function.");
	if (execution.closed)
		throw new Error(
			`The function ${execution.path} has ended; what it did not await cannot use ctx any more.`,
		);
	execution.progress += 1;
	return execution;
}

/** `services` is asked for with every operation, because it comes to be after the functions are loaded. */
export function makeOperations(services: () => Services): Operations {
	return {
		syscall: (op, argsText) => syscall(services(), op, argsText),
		asyncSyscall: (op, argsText) => {
			try {
				return asyncSyscall(services(), op, argsText);
			} catch (error) {
				return Promise.reject(error);
			}
		},
		jsSyscall: (op, args) => {
			const execution = runningExecution();
			if (isAction(execution) && op === "storage/storeBlob") return storeBlob(services(), args);
			if (isAction(execution) && op === "storage/getBlob") return getBlob(services(), args);
			throw new Error(`Unknown JS operation ${op}`);
		},
	};
}

function syscall(services: Services, op: string, argsText: string): string {
	const execution = runningExecution();
	const args = JSON.parse(argsText) as Args;
	if (execution.tx) {
		switch (op) {
			case "1.0/queryStream": {
				const queryId = execution.nextStreamId++;
				execution.streams.set(queryId, args.query as unknown as QueryJson);
				return `{"queryId":${queryId}}`;
			}
			case "1.0/queryCleanup":
				return String(execution.streams.delete(args.queryId as number));
			case "1.0/db/normalizeId":
				return JSON.stringify({
					id: normalizeId(execution.tx, args.table as string, args.idString as string),
				});
			case "1.0/getSnapshotTs":
				return JSON.stringify(int64ToJson(services.latestTs()));
		}
	}
	throw new Error(`Unknown operation ${op}`);
}

function asyncSyscall(services: Services, op: string, argsText: string): Promise<string> {
	const execution = runningExecution();
	const run = (): string | Promise<string> => perform(services, execution, op, argsText);
	if (!execution.tx) return Promise.resolve(run());
	if (execution.nested) {
		const waited = execution.nested.then(run);
		return holdOthers(execution, waited);
	}
	const result = run();
	return typeof result === "string" ? Promise.resolve(result) : holdOthers(execution, result);
}

/** Operations issued from now on wait until `running` has settled. */
function holdOthers(execution: Execution, running: Promise<string>): Promise<string> {
	const settled = running.then(
		() => {},
		() => {},
	);
	execution.nested = settled;
	void settled.then(() => {
		execution.progress += 1;
		if (execution.nested === settled) execution.nested = null;
	});
	return running;
}

function perform(
	services: Services,
	execution: Execution,
	op: string,
	argsText: string,
): string | Promise<string> {
	if (execution.closed) throw new Error(`The function ${execution.path} has ended`);
	const args = JSON.parse(argsText) as Args;
	if (execution.tx) {
		const operation = DATABASE_OPERATIONS[op];
		if (operation) return operation(execution, args);
	}
	const operation = OTHER_OPERATIONS[execution.kind][op];
	if (!operation) throw new Error(`Unknown async operation ${op}`);
	return operation(services, execution, args);
}
