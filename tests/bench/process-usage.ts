/** CPU time and memory of a process, from /proc. */
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

export type Usage = { cpuSeconds: number; rssMiB: number };

export function usageOf(pid: number): Usage {
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return {
		cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
		rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
	};
}
