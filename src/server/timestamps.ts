/** Timestamps on the wire: base64 of 8 bytes, little-endian, nanoseconds since the epoch. */

export function encodeTs(ts: bigint): string {
	const bytes = Buffer.allocUnsafe(8);
	bytes.writeBigUInt64LE(ts);
	return bytes.toString("base64");
}

/** Null when the text is no such timestamp. */
export function decodeTs(text: string): bigint | null {
	if (!/^[A-Za-z0-9+/]{11}=$/.test(text)) return null;
	return Buffer.from(text, "base64").readBigUInt64LE();
}
