/** Looking into JSON that anybody may have written: each of these takes anything and never throws. */

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/** Empty when it is no object. */
export const object = (value: unknown): Json => (isObject(value) ? value : {});

/** The objects in a list; empty when it is none. */
export const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

export const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Null when it is no JSON object. */
export function parsedObject(line: string): Json | null {
	try {
		const value: unknown = JSON.parse(line);
		return isObject(value) ? value : null;
	} catch {
		return null;
	}
}
