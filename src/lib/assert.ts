/** A bug: something the code takes for granted does not hold. */
export class AssertionError extends Error {
	override name = "AssertionError";
}

/** Throws when `condition` is false; `message` says what was taken for granted. */
export function assert(condition: unknown, message: string): asserts condition {
	if (!condition) throw new AssertionError(message);
}

/** The value, which cannot be null or undefined here. */
export function must<T>(value: T | null | undefined, what: string): T {
	if (value === null || value === undefined) throw new AssertionError(`${what} is missing`);
	return value;
}

/** Closes a switch over a union: compiles only when every member was handled. */
export function unreachable(value: never): never {
	throw new AssertionError(`unexpected value ${JSON.stringify(value)}`);
}
