/** The log of what the extension does. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDebugLog } from "../../../src/extension/debug-log.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder: string;
const before = process.env.XDG_DATA_HOME;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "opensync-log-"));
	process.env.XDG_DATA_HOME = folder;
});
afterEach(() => {
	process.env.XDG_DATA_HOME = before;
	rmSync(folder, { recursive: true, force: true });
});

test("a data folder that cannot be made costs the log and nothing else, and the log begins once it can", async () => {
	const place = join(folder, "pi-opensync");
	writeFileSync(place, "a file where the folder should be");
	const log = createDebugLog(() => true);
	expect(() => log("lost")).not.toThrow();
	rmSync(place);
	log("kept");
	const file = join(place, "extension.log");
	await waitFor(() => readFileSync(file, "utf8").endsWith("kept\n"));
	expect(readFileSync(file, "utf8")).not.toContain("lost");
	expect(statSync(file).mode & 0o777).toBe(0o600);
});
