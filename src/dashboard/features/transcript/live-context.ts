import { createContext, useContext, useSyncExternalStore } from "react";
import type { LiveTool } from "../../../session/fold.ts";
import type { LiveStream } from "./live-stream.ts";

/** The running answer of the session that is shown; null outside of one. */
export const LiveContext = createContext<LiveStream | null>(null);

/** The tool of a call while it runs. Null for a null id: the call has its result and looks no further. */
export function useLiveTool(toolCallId: string | null): LiveTool | null {
	const live = useContext(LiveContext);
	const toolOf = (): LiveTool | null => (live && toolCallId !== null ? live.tool(toolCallId) : null);
	return useSyncExternalStore(live?.subscribe ?? nothing, toolOf);
}

/** True while a run is on: a call without a result may still get one. */
export function useIsRunning(): boolean {
	const live = useContext(LiveContext);
	return useSyncExternalStore(
		live?.subscribe ?? nothing,
		() => live !== null && live.snapshot().stream !== null,
	);
}

const nothing = (): (() => void) => () => {};
