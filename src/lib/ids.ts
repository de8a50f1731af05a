/** 96 random bits as 24 hex digits: names that nobody else makes. */
export function randomId(): string {
	return [...crypto.getRandomValues(new Uint8Array(12))]
		.map((byte) => byte.toString(16).padStart(2, "0"))
		.join("");
}
