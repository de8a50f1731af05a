/** From the expressions of `withIndex` to an interval of index keys. */
import type { DatabaseIndex } from "../storage/catalog.ts";
import type { Json } from "../values/json-value.ts";
import { afterPrefix, encodeKey, HIGHEST, LOWEST } from "../values/sort-key.ts";
import { orUndefined, type RangeExpression } from "./query-json.ts";

export type KeyRange = {
	/** Key of the fields that are fixed by equality, and how many they are. */
	prefix: Uint8Array;
	depth: number;
	low: Uint8Array;
	high: Uint8Array;
};

type Bounds = { lower: RangeExpression | null; upper: RangeExpression | null };

/** Throws with Convex's texts when the expressions are no equality prefix with at most one range after it. */
export function compileRange(index: DatabaseIndex, range: readonly RangeExpression[]): KeyRange {
	if (range.length === 0) return { prefix: new Uint8Array(0), depth: 0, low: LOWEST, high: HIGHEST };
	const label = `${index.table.name}.${index.name}`;
	const names = index.fields.map((path) => path.join("."));
	const equals = new Map<string, Json>();
	const bounds: Bounds = { lower: null, upper: null };
	let boundField: string | null = null;
	for (const expression of range) {
		if (expression.type === "Eq") {
			if (equals.has(expression.fieldPath)) {
				throw new Error(
					`Already defined equality bound in index range for ${label}: ${expression.fieldPath} (AlreadyDefinedBound)`,
				);
			}
			equals.set(expression.fieldPath, expression.value);
			continue;
		}
		if (boundField !== null && boundField !== expression.fieldPath) {
			throw new Error(
				`Upper and lower bounds in \`range\` can only be applied to a single index field. This query against index ${label} attempted to set a range bound on both "${boundField}" and "${expression.fieldPath}". Consider using \`filter\` instead. See https://docs.convex.dev/using/indexes for more info. (BoundsOnMultipleFields)`,
			);
		}
		boundField = expression.fieldPath;
		const side = expression.type === "Gt" || expression.type === "Gte" ? "lower" : "upper";
		if (bounds[side])
			throw new Error(`Already defined ${side} bound in index range for ${label} (AlreadyDefinedBound)`);
		bounds[side] = expression;
	}
	for (const field of [...equals.keys(), ...(boundField === null ? [] : [boundField])]) {
		if (!names.includes(field)) {
			throw new Error(
				`The index range included a comparison with "${field}", but ${label} is not indexed on this field (its fields are ${JSON.stringify(names)}). (FieldNotInIndex)`,
			);
		}
	}
	return assemble(label, names, equals, boundField, bounds);
}

function assemble(
	label: string,
	names: readonly string[],
	equals: ReadonlyMap<string, Json>,
	boundField: string | null,
	bounds: Bounds,
): KeyRange {
	const fixed: Array<Json | undefined> = [];
	while (fixed.length < names.length && equals.has(names[fixed.length] as string)) {
		fixed.push(orUndefined(equals.get(names[fixed.length] as string) as Json));
	}
	const depth = fixed.length;
	if (depth < equals.size || (boundField !== null && names[depth] !== boundField)) {
		throw new Error(
			`Tried to query index ${label} but the query didn't use the index fields in order. Index fields: ${JSON.stringify(names)}. For more information see https://docs.convex.dev/using/indexes. (InvalidIndexRange)`,
		);
	}
	const prefix = encodeKey(fixed);
	const keyWith = (expression: RangeExpression): Uint8Array =>
		encodeKey([...fixed, orUndefined(expression.value)]);
	let low = depth === 0 ? LOWEST : prefix;
	let high = depth === 0 ? HIGHEST : afterPrefix(prefix);
	if (bounds.lower)
		low = bounds.lower.type === "Gte" ? keyWith(bounds.lower) : afterPrefix(keyWith(bounds.lower));
	if (bounds.upper)
		high = bounds.upper.type === "Lt" ? keyWith(bounds.upper) : afterPrefix(keyWith(bounds.upper));
	return { prefix, depth, low, high };
}
