/** Randomness, in one place: what nobody else makes or guesses, and what a seed repeats. */

export function randomBytes(count: number): Uint8Array {
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

/** 32 random bits for `seededRandom`. */
export function randomSeed(): number {
	return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

/** Numbers in [0, 1) that the seed repeats (mulberry32). Not for secrets. */
export function seededRandom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}
