/** Parameters of an address. What is not given or empty is null; what cannot be is refused with 400. */
import { Refused } from "./api.ts";

const TEXT_CHARS = 4096;

/** A text; cut to well-formed. Refuses one of more than 4,096 characters. */
export function textParam(params: URLSearchParams, name: string): string | null {
	const value = params.get(name)?.trim().toWellFormed() ?? "";
	if (value.length > TEXT_CHARS)
		throw new Refused(400, `The parameter ${name} may have ${TEXT_CHARS} characters at most.`);
	return value === "" ? null : value;
}

/** As `textParam`, and refused with 400 when it is not given. */
export function neededParam(params: URLSearchParams, name: string): string {
	const value = textParam(params, name);
	if (value === null) throw new Refused(400, `Missing parameter ${name}.`);
	return value;
}

/** A whole number from 1 to `most`; `otherwise` when it is not given. More than `most` is cut to it. */
export function countParam(params: URLSearchParams, name: string, otherwise: number, most: number): number {
	const text = textParam(params, name);
	if (text === null) return otherwise;
	if (!/^\d{1,15}$/.test(text) || Number(text) === 0)
		throw new Refused(400, `The parameter ${name} must be a whole number above 0.`);
	return Math.min(Number(text), most);
}

/** One of these; `otherwise` when it is not given. */
export function choiceParam<const T extends string>(
	params: URLSearchParams,
	name: string,
	choices: readonly T[],
	otherwise: T,
): T {
	const text = textParam(params, name);
	if (text === null) return otherwise;
	const found = choices.find((one) => one === text);
	if (found === undefined)
		throw new Refused(400, `The parameter ${name} must be one of ${choices.join(", ")}.`);
	return found;
}
