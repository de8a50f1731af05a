/** What went wrong, for a person: a refusal's own sentence, else the error without what its client wraps it in. */
export function failureWords(error: unknown): string {
	const data = (error as { data?: { message?: unknown } | null } | null)?.data;
	if (typeof data?.message === "string") return data.message;
	const message = error instanceof Error ? error.message : String(error);
	const bare = message
		.replace(/\[(?:CONVEX|Request ID:) [^\]]*\]\s*/g, "")
		.replace(/\s*Called by client\s*$/, "")
		.trim();
	return bare || "The backend did not say why.";
}
