/** Signs tokens like those of the providers in the test app's `auth.config.ts`. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export type TokenMaker = Awaited<ReturnType<typeof tokenMaker>>;

export const ISSUER = "https://tokens.example";
export const AUDIENCE = "server-app";

export async function tokenMaker() {
	const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
	const jwks = JSON.stringify({
		keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256", use: "sig" }],
	});
	let made = 0;
	return {
		/** The key set that the app is to know, for its `JWKS` variable. */
		jwks,
		/** A good token unless told otherwise; times are seconds from now. */
		async make(
			subject: string,
			more: {
				issuer?: string;
				audience?: string;
				issuedIn?: number;
				expiresIn?: number | null;
				kid?: string | null;
				claims?: Record<string, unknown>;
			} = {},
		): Promise<string> {
			const now = Math.floor(Date.now() / 1000);
			const { kid = "k1", expiresIn = 3600, issuedIn = 0 } = more;
			const token = new SignJWT({ ...more.claims, nonce: made++ })
				.setProtectedHeader({ alg: "ES256", ...(kid === null ? {} : { kid }) })
				.setIssuer(more.issuer ?? ISSUER)
				.setAudience(more.audience ?? AUDIENCE)
				.setSubject(subject)
				.setIssuedAt(now + issuedIn);
			if (expiresIn !== null) token.setExpirationTime(now + expiresIn);
			return await token.sign(privateKey);
		},
	};
}
