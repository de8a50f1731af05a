import { useConvex, useQuery } from "convex/react";
import { useEffect } from "react";
import { randomId } from "../../../lib/randomness.ts";
import { PRESENCE_BEAT_MS } from "../../../protocol/limits.ts";
import type { Present } from "../../../protocol/presence.ts";
import { api } from "../../api.ts";

/** New with each page that is opened. */
const CLIENT_ID = randomId();

/**
 * Says that this page looks at the session while it can be seen, so that its terminal sends the running
 * answer; gives who else is there.
 */
export function usePresence(sessionId: string): readonly Present[] {
	const client = useConvex();
	useEffect(() => {
		const beat = (): void => {
			// Without a connection it would wait in a queue; the next connection brings one of its own.
			if (!client.connectionState().isWebSocketConnected) return;
			const watching = document.visibilityState === "visible";
			const args = {
				clientId: CLIENT_ID,
				kind: "dashboard",
				sessionId,
				watching,
				label: "Dashboard",
			} as const;
			// A beat that fails is made good by the next one.
			void client.mutation(api.presence.beat, args).catch(() => {});
		};
		const leave = (): void => {
			// Not told in time, the deadline tells.
			void client.mutation(api.presence.leave, { clientId: CLIENT_ID, sessionId }).catch(() => {});
		};
		beat();
		const timer = setInterval(beat, PRESENCE_BEAT_MS);
		let wasConnected = client.connectionState().isWebSocketConnected;
		// After an outage the terminal may have taken this page for gone: it waits for no interval.
		const stopListening = client.subscribeToConnectionState(({ isWebSocketConnected }) => {
			if (isWebSocketConnected && !wasConnected) beat();
			wasConnected = isWebSocketConnected;
		});
		document.addEventListener("visibilitychange", beat);
		window.addEventListener("pagehide", leave);
		return () => {
			clearInterval(timer);
			stopListening();
			document.removeEventListener("visibilitychange", beat);
			window.removeEventListener("pagehide", leave);
			leave();
		};
	}, [client, sessionId]);
	const present = useQuery(api.presence.list, { sessionId });
	return present?.filter((one) => one.clientId !== CLIENT_ID) ?? [];
}
