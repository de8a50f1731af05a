/** Questions to the person at the terminal. */
import { createInterface } from "node:readline/promises";

/** Enter means yes. False when the question is taken back. */
export async function askYesNo(question: string, taken: AbortSignal): Promise<boolean> {
	const lines = createInterface({ input: process.stdin, output: process.stdout });
	// While it asks, the terminal sends Ctrl-C as a character: it means what it always means.
	lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
	try {
		const answer = await lines.question(`${question} [Y/n] `, { signal: taken });
		return /^\s*(y(es)?)?\s*$/i.test(answer);
	} catch {
		return false;
	} finally {
		lines.close();
	}
}
