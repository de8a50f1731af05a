import { useSyncExternalStore } from "react";
import { parseRoute, type Route } from "./route.ts";

/** The route of the address bar, kept current. */
export function useRoute(): Route {
	return parseRoute(useSyncExternalStore(subscribe, () => window.location.hash));
}

function subscribe(changed: () => void): () => void {
	window.addEventListener("hashchange", changed);
	return () => window.removeEventListener("hashchange", changed);
}
