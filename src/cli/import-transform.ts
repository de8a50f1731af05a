/** What an imported entry goes through before it leaves the machine: the same as a live one. */
import type { Settings } from "../config/options.ts";
import { redactionOf } from "../config/sending.ts";
import { createOutgoing } from "../redaction/outgoing.ts";
import type { Transform } from "../sync/contract.ts";
import { CliError } from "./output.ts";

/** Undefined where nothing changes. Rejects when the redaction rules cannot be loaded: then nothing may be sent. */
export async function createImportTransform(settings: Settings): Promise<Transform | undefined> {
	try {
		const { transform } = await createOutgoing({
			redact: redactionOf(settings),
			toolCalls: settings.syncToolCalls,
			thinking: settings.syncThinking,
		});
		return transform;
	} catch {
		throw new CliError(
			"The redaction rules cannot be loaded, so nothing was sent: run `npm ci`, or set redaction to off.",
		);
	}
}
