/** Makes the README's picture of search over several agents: `bun tests/support/picture-of-search.ts`. Chromium. */
import { join } from "node:path";
import type { OpenSyncMessage, OpenSyncSession } from "../../src/protocol/opensync.ts";
import { assistant, startPageBackend, text, user } from "../e2e/browser/page-backend.ts";
import { openBrowser } from "./browser.ts";
import { ROOT } from "./source-tree.ts";

const HOUR_MS = 3_600_000;
const backend = await startPageBackend();
const { key } = await backend.makeKey();
const browser = await openBrowser({ width: 1280, height: 800 });
try {
	const terminal = await backend.terminal();
	await terminal.open("pi-retry", { projectName: "gateway", projectPath: "/home/dev/gateway" });
	let at = await terminal.append("pi-retry", null, user("Why do webhook retries pile up after a deploy?"));
	at = await terminal.append(
		"pi-retry",
		at,
		assistant(
			text(
				"Each worker retries on its own, so a deploy multiplies them. Give every webhook one retry queue with exponential back-off and jitter, and let a worker lease it.",
			),
		),
	);
	await terminal.append("pi-retry", at, user("Do that, and cap the back-off at five minutes."));
	await agent(
		session("claude-code", "Webhook handler returns 502 under load", "gateway", 26),
		["user", "The webhook handler returns 502 when the payment provider retries in bursts."],
		[
			"assistant",
			"The bursts are retries without jitter: all clients come back in the same second. I add back-off on our side too.",
		],
	);
	await agent(
		session("codex-cli", "Add a retry budget to the HTTP client", "sdk-js", 50),
		["user", "Add a retry budget: at most 10 % of calls may be retries."],
		[
			"assistant",
			"The client now counts calls and retries in a sliding window; beyond the budget it fails at once instead of a back-off.",
		],
	);
	await agent(
		session("opencode", "Flaky test in the scheduler", "scheduler", 75),
		["user", "test_backoff fails one time in ten."],
		[
			"assistant",
			"The test waits for real time. With the clock injected the back-off is exact: 1 s, 2 s, 4 s, and the retry after it.",
		],
	);
	await agent(
		session("cursor", "Dark theme for the admin page", "admin", 98),
		["user", "Follow the system's colour scheme."],
		["assistant", "Done with prefers-color-scheme; the toggle overrides it."],
	);
	const page = await browser.context.newPage();
	await page.goto(await backend.signInLink());
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	const field = page.getByRole("searchbox", { name: "Search all sessions" });
	const hits = page.getByRole("list", { name: "Hits" }).getByRole("listitem");
	await page.keyboard.press("/");
	await field.waitFor();
	await terminal.until(async () => {
		await field.fill("");
		await field.fill("retry back-off");
		await page.getByText(/best first|Nothing found/).waitFor();
		return (await hits.count()) >= 6;
	});
	await page.screenshot({ path: join(ROOT, "docs", "search.png") });
} finally {
	await browser.close();
	await backend.close();
}

function session(source: string, title: string, projectName: string, hoursAgo: number): OpenSyncSession {
	const externalId = `${source}-1`;
	const createdAt = Date.now() - hoursAgo * HOUR_MS;
	const used = { promptTokens: hoursAgo * 3100, completionTokens: hoursAgo * 240, cost: hoursAgo * 0.013 };
	return { externalId, source, title, projectName, createdAt, ...used };
}

/** Posted as a plugin posts. */
async function agent(of: OpenSyncSession, ...said: ["user" | "assistant", string][]): Promise<void> {
	await post("/sync/session", of);
	for (const [index, [role, textContent]] of said.entries()) {
		const message: OpenSyncMessage = {
			...{ sessionExternalId: of.externalId, externalId: `${of.externalId}-${index}`, role, textContent },
			...{ source: of.source ?? "", createdAt: (of.createdAt ?? 0) + index * 60_000 },
		};
		await post("/sync/message", message);
	}
}

async function post(path: string, body: object): Promise<void> {
	const answer = await fetch(backend.siteUrl() + path, {
		method: "POST",
		headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
		body: JSON.stringify(body),
	});
	if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}
