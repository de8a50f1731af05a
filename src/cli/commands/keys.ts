import { hostname } from "node:os";
import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { plainLine } from "../../lib/plain-text.ts";
import { ALL_SCOPES, type ApiKeyView, type Scope } from "../../protocol/access.ts";
import { callAsAdmin } from "../admin.ts";
import { connectClient } from "../client.ts";
import { makeKey } from "../keys.ts";
import { age, CliError, printJson, printLine, table, usageError } from "../output.ts";
import { currentSettings, findAdmin, type TargetFlags } from "../target.ts";

type Flags = TargetFlags & { json?: boolean };

export function addKeysCommand(program: Command): void {
	const keys = program.command("keys").description("API keys of terminals, pages and scripts");
	const withTarget = (command: Command) =>
		command
			.option("--url <url>", "backend (default: convexUrl of the settings)")
			.option("--data <dir>", "data folder of a local backend, whose admin key is used")
			.option("--admin-key <key>", "admin key of the deployment")
			.option("--json", "as JSON");
	withTarget(keys.command("create").description("make a key; it is shown this once"))
		.option("--name <name>", "what it is for", `cli ${hostname()}`)
		.option("--scopes <list>", "read, write, control", ALL_SCOPES.join(","))
		.action(create);
	withTarget(keys.command("list").description("keys, their scopes and when they were used")).action(list);
	withTarget(
		keys
			.command("revoke <id>")
			.description("make a key useless, by its id or by its first characters (osk_abcd)"),
	).action(revoke);
}

async function create(flags: Flags & { name: string; scopes: string }): Promise<void> {
	const scopes = readScopes(flags.scopes);
	const { key, hash, shown } = makeKey();
	const args = { name: flags.name, hash, shown, scopes };
	const admin = findAdmin(flags);
	const made = admin
		? await callAsAdmin(admin.url, admin.adminKey, "apiKeys:addFirst", args)
		: await (await connectClient(currentSettings(flags).settings)).mutation(api.apiKeys.add, args);
	const { id } = made as { id: string };
	if (flags.json) return printJson({ key, id, name: flags.name, scopes });
	printLine(key);
	printLine(`Keep it: it is not shown again. Name: ${flags.name}. Scopes: ${scopes.join(", ")}.`);
}

function readScopes(text: string): Scope[] {
	const names = text
		.split(",")
		.map((name) => name.trim())
		.filter((name) => name !== "");
	const unknown = names.find((name) => !ALL_SCOPES.includes(name as Scope));
	if (unknown !== undefined)
		throw usageError(`There is no scope called ${unknown}. There are: ${ALL_SCOPES.join(", ")}.`);
	if (names.length === 0) throw usageError(`A key needs at least one scope of ${ALL_SCOPES.join(", ")}.`);
	return [...new Set(names)] as Scope[];
}

async function readKeys(flags: Flags): Promise<ApiKeyView[]> {
	const admin = findAdmin(flags);
	if (admin) return (await callAsAdmin(admin.url, admin.adminKey, "apiKeys:listAll", {})) as ApiKeyView[];
	return await (await connectClient(currentSettings(flags).settings)).query(api.apiKeys.list, {});
}

async function list(flags: Flags): Promise<void> {
	const keys = await readKeys(flags);
	if (flags.json) return printJson(keys);
	const now = Date.now();
	const state = (key: ApiKeyView) =>
		key.revokedAt !== null
			? `revoked ${age(key.revokedAt, now)} ago`
			: key.lastUsedAt
				? `used ${age(key.lastUsedAt, now)} ago`
				: "not used yet";
	printLine(
		table(
			["KEY", "NAME", "SCOPES", "STATE", "ID"],
			keys.map((key) => [key.shown, plainLine(key.name), key.scopes.join(","), state(key), key.id]),
		),
	);
}

async function revoke(id: string, flags: Flags): Promise<void> {
	const matches = (await readKeys(flags)).filter(
		(key) => key.id === id || (id.startsWith("osk_") && key.shown.startsWith(id.slice(0, 8))),
	);
	const open = matches.filter((key) => key.revokedAt === null);
	if (matches.length === 0) throw new CliError(`There is no key ${id}: see \`pi-opensync keys list\`.`);
	if (open.length > 1)
		throw usageError(`${id} fits ${open.length} keys: name one by its id, see \`pi-opensync keys list\`.`);
	const [key] = open.length === 1 ? open : matches;
	const admin = findAdmin(flags);
	if (admin) await callAsAdmin(admin.url, admin.adminKey, "apiKeys:revokeById", { id: key?.id ?? id });
	else
		await (await connectClient(currentSettings(flags).settings)).mutation(api.apiKeys.revoke, {
			id: key?.id ?? id,
		});
	if (flags.json) printJson({ revoked: key?.id });
	else printLine(`Revoked ${key?.shown} (${plainLine(key?.name ?? "")}).`);
}
