/** Stories of hand-overs that were found by chance, each of which a fault of ours told otherwise. They are told first, always. */
import type { Happening } from "../support/hand-over-world.ts";

const type = (at: number): Happening => ({ kind: "type", at });
const steps = (at: number, count: number): Happening => ({ kind: "steps", at, count });
const time = (ms: number): Happening => ({ kind: "time", ms });
const cut = (at: number): Happening => ({ kind: "cut", at });
const mend = (at: number): Happening => ({ kind: "mend", at });
const faults = (at: number, ...next: ("lost" | "unanswered")[]): Happening => ({ kind: "faults", at, next });

type Story = [Happening[]];

export const LIVELY: Story[] = [
	// Drawn anew when the run was told to its end and its entries were on their way.
	[[{ kind: "join" }, steps(0, 1), type(1), { kind: "name", at: 0 }]],
	// What was said here and is not sent yet is none of what the other terminal's run says.
	[[{ kind: "remark", at: 0 }, type(1), time(0), { kind: "remark", at: 1 }]],
];

export const DISTANT: Story[] = [
	// What an extension says here comes while the transcript is being drawn anew.
	[[type(0), steps(0, 6), { kind: "remark", at: 1 }, { kind: "deaf", at: 1 }, time(0)]],
];

export const APART: Story[] = [
	// The holder is cut off in mid-answer, and is back before its run ends.
	[[type(0), steps(0, 1), cut(0), steps(0, 4), time(0)]],
	// It is back when another one drives.
	[[type(0), steps(0, 1), cut(0), time(12_000), type(1)]],
	// The lock is given, and the answer that says so is lost.
	[[cut(0), type(0), faults(0, "unanswered"), mend(0)]],
	// A prompt is returned before its author hears that it was sent.
	[[{ kind: "faults", at: 1, next: [null, "unanswered"] }, type(0), faults(0, "unanswered"), type(1)]],
	[[{ kind: "both" }, faults(0, "lost", "unanswered", "lost"), steps(0, 5), time(300)]],
];

export const DEADLY: Story[] = [
	// The holder dies when it has begun another one's prompt and has not stored it.
	[[{ kind: "both" }, steps(0, 6), { kind: "kill", at: 0 }]],
	// It dies when it is done with it, and has not stored it.
	[[{ kind: "both" }, steps(0, 3), steps(0, 8), { kind: "kill", at: 0 }]],
];
