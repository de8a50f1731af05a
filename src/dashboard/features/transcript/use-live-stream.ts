import { useConvex } from "convex/react";
import { useEffect, useLayoutEffect, useState, useSyncExternalStore } from "react";
import type { StreamView } from "../../../protocol/stream.ts";
import { type LiveView, settleView } from "../../../session/fold.ts";
import { LiveStream } from "./live-stream.ts";

/**
 * The running answer. `stream` is what the backend says now: what it calls settled is left out at once,
 * though the reader takes it in only after this draw. `view` is null when nothing runs.
 */
export function useLiveStream(stream: StreamView | null): { live: LiveStream; view: LiveView | null } {
	const client = useConvex();
	const [live] = useState(() => new LiveStream(client));
	useLayoutEffect(() => live.setCurrent(stream), [live, stream]);
	useEffect(() => () => live.close(), [live]);
	const shown = useSyncExternalStore(live.subscribe, live.snapshot);
	const isSame = stream !== null && shown.stream?.streamId === stream.streamId;
	return { live, view: isSame ? settleView(shown.view, stream.settled) : null };
}
