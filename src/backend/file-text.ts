/** Texts that go through file storage, over plain HTTP. */
import { BackendError } from "../sync/ports.ts";
import { causeOf, type Fetch } from "./token-exchange.ts";

/** Uploads a text; gives its storage id. Rejects with a `BackendError`. */
export async function postText(fetch: Fetch, url: string, text: string, deadlineMs: number): Promise<string> {
	try {
		const response = await fetch(url, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: text,
			signal: AbortSignal.timeout(deadlineMs),
		});
		const body = (await response.json().catch(() => null)) as { storageId?: unknown } | null;
		if (response.ok && typeof body?.storageId === "string") return body.storageId;
		const kind = response.status === 413 ? "refused" : "unreachable";
		throw new BackendError(
			kind,
			kind === "refused" ? "too_large" : "unexpected",
			`The upload was answered with status ${response.status}.`,
		);
	} catch (error) {
		if (error instanceof BackendError) throw error;
		throw new BackendError("unreachable", "unexpected", `The upload failed (${causeOf(error)}).`);
	}
}

/** Text of a stored file. Rejects with a `BackendError`; a file that is gone is refused. */
export async function getText(fetch: Fetch, url: string, deadlineMs: number): Promise<string> {
	try {
		const response = await fetch(url, { signal: AbortSignal.timeout(deadlineMs) });
		if (response.ok) return await response.text();
		const gone = response.status === 404;
		throw new BackendError(
			gone ? "refused" : "unreachable",
			gone ? "invalid" : "unexpected",
			`The file was answered with status ${response.status}.`,
		);
	} catch (error) {
		if (error instanceof BackendError) throw error;
		throw new BackendError("unreachable", "unexpected", `The file could not be fetched (${causeOf(error)}).`);
	}
}
