/**
 * Keeps a promise that a function rejected and nobody handled from ending the process.
 *
 * It fails the function it belongs to. Which one that is the async context tells; where the runtime loses
 * it, the stack and the function that runs right now do. Everybody else's rejections end the process as they
 * would without this, unless the program listens for them itself.
 */
import { type Execution, executionScope } from "./execution.ts";

type Owner = {
	/** The query or mutation that runs now. */
	running: () => Execution | null;
	/** Whether the stack comes from this engine's functions. */
	isFromFunctions: (stack: string) => boolean;
	log: (line: string) => void;
};

const owners = new Set<Owner>();

function onUnhandled(reason: unknown): void {
	const scoped = executionScope.getStore();
	if (scoped) {
		scoped.unhandled ??= { reason };
		return;
	}
	const stack = reason instanceof Error ? String(reason.stack) : "";
	for (const owner of owners) {
		const running = owner.running();
		if (!owner.isFromFunctions(stack) && !(running && stack === "")) continue;
		if (running) running.unhandled ??= { reason };
		else owner.log(`A function left a rejected promise unhandled: ${String(reason)}`);
		return;
	}
	if (process.listenerCount("unhandledRejection") > 1) return;
	queueMicrotask(() => {
		throw reason;
	});
}

/** Watches for as long as the owner's engine is open; the returned function ends it. */
export function watchRejections(owner: Owner): () => void {
	if (owners.size === 0) process.on("unhandledRejection", onUnhandled);
	owners.add(owner);
	return () => {
		owners.delete(owner);
		if (owners.size === 0) process.off("unhandledRejection", onUnhandled);
	};
}
