import type { AuthConfig } from "convex/server";
import { TOKEN_AUDIENCE } from "../src/protocol/limits.ts";

const jwks = process.env.OPENSYNC_JWKS ?? '{"keys":[]}';

/** Tokens are made by this backend itself, at `/auth/token` in `http.ts`. */
export default {
	providers: [
		{
			type: "customJwt",
			issuer: process.env.CONVEX_SITE_URL as string,
			jwks: `data:text/plain;charset=utf-8;base64,${btoa(jwks)}`,
			algorithm: "ES256",
			applicationID: TOKEN_AUDIENCE,
		},
	],
} satisfies AuthConfig;
