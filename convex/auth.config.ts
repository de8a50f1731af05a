import type { AuthConfig } from "convex/server";
import { TOKEN_AUDIENCE } from "../src/protocol/limits.ts";

/** Convex throws for a variable that is not set, here alone; and it reads this file again when one is. */
function publicKeys(): string {
	try {
		return process.env.OPENSYNC_JWKS ?? NO_KEYS;
	} catch {
		return NO_KEYS;
	}
}
const NO_KEYS = '{"keys":[]}';

/** Tokens are made by this backend itself, at `/auth/token` in `http.ts`. */
export default {
	providers: [
		{
			type: "customJwt",
			issuer: process.env.CONVEX_SITE_URL as string,
			jwks: `data:text/plain;charset=utf-8;base64,${btoa(publicKeys())}`,
			algorithm: "ES256",
			applicationID: TOKEN_AUDIENCE,
		},
	],
} satisfies AuthConfig;
