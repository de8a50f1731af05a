/** Figures: medians with spread, never one number alone. */

export function percentile(values: readonly number[], p: number): number {
	if (values.length === 0) return Number.NaN;
	const sorted = [...values].sort((a, b) => a - b);
	const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1));
	return sorted[at] as number;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

export function format(value: number): string {
	if (!Number.isFinite(value)) return "–";
	const size = Math.abs(value);
	if (size >= 1000) return Math.round(value).toLocaleString("en-US");
	if (size >= 100) return value.toFixed(0);
	if (size >= 10) return value.toFixed(1);
	return value.toFixed(size >= 1 ? 2 : 3);
}

/** One figure of several rounds: median, least and greatest. */
export type Figure = { name: string; unit: string; rounds: number[]; aim?: string };

export function figureLine(figure: Figure): string {
	const { name, unit, rounds, aim } = figure;
	const spread = `${format(Math.min(...rounds))} – ${format(Math.max(...rounds))}`;
	const middle = format(median(rounds));
	return `${name.padEnd(68)} ${middle.padStart(9)} ${unit.padEnd(8)} (${rounds.length} rounds: ${spread})${aim ? `  aim ${aim}` : ""}`;
}
