/** The words of a prompt that are worth looking for: a search takes but a few. */
import { QUERY_WORDS } from "./snippets.ts";

const WORD = /[\p{L}\p{N}\p{M}\p{Co}]+/gu;

/** So common in prompts that they tell nothing. */
const COMMON = new Set(
	(
		"a about above after again all also am an and any are as at be because been before being but by can could " +
		"did do does doing done don down each else for from get give go had has have he help her here his how i if " +
		"in into is it its just know let like look make may me might more most must my need new no not now of off " +
		"on once one only or other our out over please put s same see she should show so some such t take tell than " +
		"that the their them then there these they this those to too try up us use used using very want was way we " +
		"well were what when where which while who why will with without would write yes you your"
	).split(" "),
);

/** In their order; those of a long prompt that are left out are the shortest. All words, when all are common. */
export function promptWords(prompt: string): string {
	const words = [...new Set(prompt.toLowerCase().match(WORD) ?? [])].filter((word) => word.length <= 32);
	const telling = words.filter((word) => !COMMON.has(word));
	const worth = telling.length > 0 ? telling : words;
	const longest = worth.toSorted((a, b) => b.length - a.length).slice(0, QUERY_WORDS);
	return worth.filter((word) => longest.includes(word)).join(" ");
}
