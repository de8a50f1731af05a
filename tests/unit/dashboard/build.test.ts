import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDashboard } from "../../../src/dashboard/build.ts";

test("the page is built without inline code, under hashed names, and leaves nothing of an older build", async () => {
	const folder = mkdtempSync(join(tmpdir(), "pi-opensync-page-build-"));
	try {
		await buildDashboard(folder);
		const first = readdirSync(join(folder, "assets")).sort();
		expect(first.map((name) => name.replace(/-[A-Z0-9]{8}\./, "-HASH."))).toEqual([
			"page-HASH.js",
			"style-HASH.css",
		]);
		const html = readFileSync(join(folder, "index.html"), "utf8");
		for (const name of first) expect(html).toContain(`./assets/${name}`);
		expect(html).not.toMatch(/<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)/);
		expect(html).toContain("default-src 'self'");
		writeFileSync(join(folder, "assets", "page-OLDONE00.js"), "old");
		await buildDashboard(folder);
		expect(readdirSync(join(folder, "assets")).sort()).toEqual(first);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});
