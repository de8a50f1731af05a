/** Filter expressions of `.filter()`, compiled once a query and evaluated on each document. */

import { displayValue } from "../values/display.ts";
import {
	fieldAt,
	float64Of,
	float64ToJson,
	int64Of,
	int64ToJson,
	type Json,
	type JsonObject,
	kindOf,
} from "../values/json-value.ts";
import { compareJson } from "../values/sort-key.ts";
import { orUndefined } from "./query-json.ts";

type Operand = Json | undefined;
type Evaluate = (document: JsonObject) => Operand;

const COMPARISONS: Record<string, (order: number) => boolean> = {
	$eq: (order) => order === 0,
	$neq: (order) => order !== 0,
	$lt: (order) => order < 0,
	$lte: (order) => order <= 0,
	$gt: (order) => order > 0,
	$gte: (order) => order >= 0,
};

const FLOAT_ARITHMETIC: Record<string, (a: number, b: number) => number> = {
	$add: (a, b) => a + b,
	$sub: (a, b) => a - b,
	$mul: (a, b) => a * b,
	$div: (a, b) => a / b,
	$mod: (a, b) => a % b,
};

const INT_ARITHMETIC: Record<string, (a: bigint, b: bigint) => bigint> = {
	$add: (a, b) => a + b,
	$sub: (a, b) => a - b,
	$mul: (a, b) => a * b,
	$div: (a, b) => a / b,
	$mod: (a, b) => a % b,
};

/** A test on documents. Throws at once for an unknown operator, and per document for a wrong type. */
export function compileFilter(expression: Json): (document: JsonObject) => boolean {
	const evaluate = compile(expression);
	return (document) => truth(evaluate(document), "filter");
}

function truth(value: Operand, where: string): boolean {
	if (typeof value === "boolean") return value;
	throw new Error(`A ${where} expression must give a boolean, not ${describe(value)}`);
}

function describe(value: Operand): string {
	return value === undefined ? "undefined" : displayValue(value);
}

function compile(expression: Json): Evaluate {
	const entry =
		typeof expression === "object" && expression !== null && !Array.isArray(expression)
			? Object.entries(expression)[0]
			: undefined;
	if (!entry) {
		const literal = expression;
		return () => literal;
	}
	const [operator, argument] = entry as [string, Json];
	if (operator === "$literal") {
		const literal = orUndefined(argument);
		return () => literal;
	}
	if (operator === "$field") {
		const path = String(argument).split(".");
		return (document) => fieldAt(document, path);
	}
	if (operator in COMPARISONS) return compileComparison(operator, argument as Json[]);
	if (operator in FLOAT_ARITHMETIC) return compileArithmetic(operator, argument as Json[]);
	if (operator === "$neg") {
		const inner = compile(argument);
		return (document) => negate(inner(document));
	}
	if (operator === "$not") {
		const inner = compile(argument);
		return (document) => !truth(inner(document), "not");
	}
	if (operator === "$and" || operator === "$or") {
		const parts = (argument as Json[]).map(compile);
		return operator === "$and"
			? (document) => parts.every((part) => truth(part(document), "and"))
			: (document) => parts.some((part) => truth(part(document), "or"));
	}
	throw new Error(`Unknown filter operator ${operator}`);
}

function compileComparison(operator: string, [left, right]: Json[]): Evaluate {
	const a = compile(left as Json);
	const b = compile(right as Json);
	const decide = COMPARISONS[operator] as (order: number) => boolean;
	return (document) => {
		const x = a(document);
		const y = b(document);
		// Equal strings and numbers need no keys; -0 and 0 differ.
		if (x === y && (typeof x === "string" || (typeof x === "number" && x !== 0))) return decide(0);
		return decide(compareJson(x, y));
	};
}

function compileArithmetic(operator: string, [left, right]: Json[]): Evaluate {
	const a = compile(left as Json);
	const b = compile(right as Json);
	return (document) => {
		const x = a(document);
		const y = b(document);
		if (x !== undefined && y !== undefined) {
			const kinds = `${kindOf(x)} ${kindOf(y)}`;
			if (kinds === "float64 float64") {
				return float64ToJson(
					(FLOAT_ARITHMETIC[operator] as (a: number, b: number) => number)(float64Of(x), float64Of(y)),
				);
			}
			if (kinds === "int64 int64") {
				return int64ToJson(
					BigInt.asIntN(
						64,
						(INT_ARITHMETIC[operator] as (a: bigint, b: bigint) => bigint)(int64Of(x), int64Of(y)),
					),
				);
			}
		}
		throw new Error(`Cannot apply ${operator.slice(1)} to ${describe(x)} and ${describe(y)}`);
	};
}

function negate(value: Operand): Operand {
	if (value !== undefined && kindOf(value) === "float64") return float64ToJson(-float64Of(value));
	if (value !== undefined && kindOf(value) === "int64")
		return int64ToJson(BigInt.asIntN(64, -int64Of(value)));
	throw new Error(`Cannot negate ${describe(value)}`);
}
