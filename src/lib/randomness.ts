/** Randomness for the engine: secure bytes, seeds, and a generator that repeats itself for a seed. */

/** `count` random bytes from the platform's secure source. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
	return crypto.getRandomValues(new Uint8Array(count));
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
