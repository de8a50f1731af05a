/**
 * A hosted OpenSync that only lists and gives sessions, made up as they are asked for, in a process of its
 * own: what the import costs is measured, not what answers it. Prints its port.
 */
import { createServer } from "node:http";

const [SESSIONS, MESSAGES] = process.argv.slice(2).map(Number) as [number, number];
const STARTED = Date.parse("2025-01-01T00:00:00.000Z");
/** Some words of prose and code, as long as messages are. */
const TEXT = "const basket = items.reduce((sum, item) => sum + item.price, 0); // a total with tax\n".repeat(
	6,
);

const row = (at: number) => ({
	id: `k${String(at).padStart(31, "0")}`,
	externalId: `many-${at}`,
	title: `Session ${at}`,
	projectPath: `/home/dev/project-${at % 20}`,
	projectName: `project-${at % 20}`,
	model: "claude-opus-4-6",
	provider: "anthropic",
	promptTokens: 1000 * MESSAGES,
	completionTokens: 100 * MESSAGES,
	totalTokens: 1100 * MESSAGES,
	cost: 0.01 * MESSAGES,
	durationMs: 60_000,
	isPublic: false,
	messageCount: MESSAGES,
	createdAt: STARTED + at * 3_600_000,
	updatedAt: STARTED + at * 3_600_000 + MESSAGES * 1000,
});

const message = (at: number, index: number) => ({
	id: `m${String(at * MESSAGES + index).padStart(31, "0")}`,
	externalId: `many-${at}-${index}`,
	role: index % 2 === 0 ? "user" : "assistant",
	textContent: `${index}: ${TEXT}`,
	createdAt: STARTED + at * 3_600_000 + index * 1000,
	parts:
		index % 2 === 0
			? [{ type: "text", content: `${index}: ${TEXT}` }]
			: [
					{ type: "text", content: `${index}: ${TEXT}` },
					{ type: "tool-call", content: { toolName: "bash", name: "bash", args: { command: "ls -la" } } },
					{ type: "tool-result", content: { toolName: "bash", result: TEXT, isError: false } },
				],
});

const server = createServer((request, response) => {
	const url = new URL(request.url ?? "/", "http://localhost");
	const answer = (body: unknown): void => {
		response.writeHead(200, { "Content-Type": "application/json" });
		response.end(JSON.stringify(body));
	};
	const all = Array.from({ length: SESSIONS }, (_, at) => at);
	switch (url.pathname) {
		case "/sync/sessions/list":
			return answer({ sessionIds: all.map((at) => `many-${at}`) });
		case "/api/sessions":
			return answer({
				sessions: all
					.reverse()
					.slice(0, Number(url.searchParams.get("limit")))
					.map(row),
			});
		case "/api/sessions/get": {
			const at = Number(url.searchParams.get("id")?.slice(1));
			return answer({
				session: row(at),
				messages: Array.from({ length: MESSAGES }, (_, index) => message(at, index)),
			});
		}
		default:
			response.writeHead(404).end();
	}
});
server.listen(0, "127.0.0.1", () => {
	process.stdout.write(`${(server.address() as { port: number }).port}\n`);
});
