import { ConvexReactClient } from "convex/react";
import { requestToken } from "../sign-in/auth-requests.ts";
import type { BackendAddress } from "./find-backend.ts";

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

export type OpenClient = { client: ConvexReactClient; close: () => void };

/**
 * A client that stays signed in with a key. While the token service is out of reach it goes on asking;
 * `onRefused` is called once when the key itself is no longer good.
 */
export function openClient(
	address: BackendAddress,
	key: string,
	onRefused: (reason: string) => void,
): OpenClient {
	const client = new ConvexReactClient(address.apiUrl, {
		// Self-hosted and embedded backends have addresses of every form.
		skipConvexDeploymentUrlCheck: true,
		// All that this page writes is that it is there.
		unsavedChangesWarning: false,
		initialAuthTokenReuse: true,
		logger: false,
	});
	let closed = false;
	const fetchToken = async (): Promise<string | null> => {
		for (let wait = FIRST_RETRY_MS; !closed; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
			const answer = await requestToken(address.siteUrl, key);
			if (answer.kind === "token") return answer.token;
			if (answer.kind === "refused") {
				if (!closed) onRefused(answer.reason);
				return null;
			}
			await new Promise((resolve) => setTimeout(resolve, wait));
		}
		return null;
	};
	client.setAuth(fetchToken, (signedIn) => {
		if (!signedIn && !closed)
			void fetchToken().then(
				(token) =>
					token && onRefused("The backend does not accept its own tokens: restart it, then sign in again."),
			);
	});
	return {
		client,
		close: () => {
			closed = true;
			// What goes away with the client still says goodbye through it, and a closed one throws.
			queueMicrotask(() => void client.close());
		},
	};
}
