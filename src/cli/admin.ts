/** Calls that need the deployment's admin key: internal functions over HTTP. */

import { convexToJson, jsonToConvex, type Value } from "convex/values";
import { ownFetch } from "../backend/own-machine.ts";
import { CliError } from "./output.ts";
import { START_COMMAND } from "./project.ts";

const DEADLINE_MS = 15_000;

/** Runs a function of any kind by path. */
export async function callAsAdmin(
	url: string,
	adminKey: string,
	path: string,
	args: Record<string, Value>,
): Promise<Value> {
	let response: Response;
	try {
		response = await ownFetch(`${url}/api/function`, {
			method: "POST",
			headers: { "Content-Type": "application/json", Authorization: `Convex ${adminKey}` },
			body: JSON.stringify({ path, args: convexToJson(args), format: "convex_encoded_json" }),
			signal: AbortSignal.timeout(DEADLINE_MS),
		});
	} catch {
		throw new CliError(
			`The backend at ${url} does not answer: start it with \`${START_COMMAND}\`, or check the address.`,
		);
	}
	const text = await response.text();
	if (response.status === 401 || response.status === 403) {
		throw new CliError(
			`The backend at ${url} does not take this admin key: check --admin-key, or the --data folder.`,
		);
	}
	const result = parse(text);
	if (result?.status === "success") return jsonToConvex(result.value as never) as Value;
	const data = result?.errorData as { message?: string } | undefined;
	throw new CliError(
		data?.message ??
			`The backend at ${url} refused ${path}: ${result?.errorMessage ?? `HTTP ${response.status}`}.`,
	);
}

type Result = { status?: string; value?: unknown; errorMessage?: string; errorData?: unknown };

function parse(text: string): Result | null {
	try {
		return JSON.parse(text) as Result;
	} catch {
		return null;
	}
}
