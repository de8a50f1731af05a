import { useConvexConnectionState } from "convex/react";

/** Says when what is shown may be out of date. Nothing while all is well. */
export function ConnectionBanner() {
	const { isWebSocketConnected, hasEverConnected } = useConvexConnectionState();
	return (
		<div role="status" aria-label="Connection" className="connection">
			{!isWebSocketConnected && (
				<span>{hasEverConnected ? "Reconnecting… what you see may be out of date." : "Connecting…"}</span>
			)}
		</div>
	);
}
