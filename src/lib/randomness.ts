/** Randomness, in one place: what nobody else makes or guesses, and what a seed repeats. */

/** `count` random bytes from the platform's secure source. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
	return crypto.getRandomValues(new Uint8Array(count));
}

/** 96 random bits as 24 hex digits: names that nobody else makes. */
export function randomId(): string {
	return [...randomBytes(12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A random UUID, version 4. */
export function uuid(): string {
	return crypto.randomUUID();
}

/** A 32-bit seed for `seededRandom`. */
export function randomSeed(): number {
	return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

/** `Math.random` from a seed: the same seed gives the same numbers in [0, 1). Not for secrets. */
export function seededRandom(seed: number): () => number {
	let state = seed >>> 0;
	const next = (): number => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return (mixed ^ (mixed >>> 14)) >>> 0;
	};
	// Two draws for the 53 bits of a double.
	return () => ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992;
}
