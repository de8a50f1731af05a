/**
 * Runs before every test file: no test may read the settings, sessions or proxies of whoever runs it.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const home = mkdtempSync(join(tmpdir(), "pi-opensync-home-"));
process.env.HOME = home;
process.env.XDG_CONFIG_HOME = join(home, ".config");
process.env.XDG_DATA_HOME = join(home, ".local", "share");
for (const name of Object.keys(process.env)) {
	if (name.startsWith("PI_OPENSYNC_") || name.startsWith("PI_CODING_AGENT_")) delete process.env[name];
}
