/** CLOCK_MONOTONIC in ns: what Node's `process.hrtime` says in every process; Bun's own begins at its start. */
import { dlopen, ptr } from "bun:ffi";

const CLOCK_MONOTONIC = 1;

const { symbols } = dlopen(process.platform === "darwin" ? "libSystem.dylib" : "libc.so.6", {
	clock_gettime: { args: ["int", "ptr"], returns: "int" },
});
const parts = new BigInt64Array(2);

export function monotonicNow(): bigint {
	symbols.clock_gettime(CLOCK_MONOTONIC, ptr(parts));
	return (parts[0] as bigint) * 1_000_000_000n + (parts[1] as bigint);
}

export const msBetween = (from: bigint, to: bigint): number => Number(to - from) / 1e6;
