/** Tokens of this backend: ES256, one user and one key each, an hour long. */
import { importPKCS8, SignJWT } from "jose";
import { TOKEN_AUDIENCE, TOKEN_TTL_MS } from "../../src/protocol/limits.ts";

type KeySet = { keys: { kid?: string }[] };

/** `expiresAt` in ms since the epoch; null when this backend has no usable signing key. */
export async function signToken(owner: {
	keyId: string;
	userId: string;
}): Promise<{ token: string; expiresAt: number } | null> {
	const pem = process.env.OPENSYNC_JWT_PRIVATE_KEY;
	const issuer = process.env.CONVEX_SITE_URL;
	const kid = publicKeys().keys[0]?.kid;
	if (!pem || !issuer || !kid) return null;
	const issuedAt = Math.floor(Date.now() / 1000);
	const expiresAt = issuedAt + TOKEN_TTL_MS / 1000;
	try {
		const token = await new SignJWT({ keyId: owner.keyId })
			.setProtectedHeader({ alg: "ES256", typ: "JWT", kid })
			.setIssuer(issuer)
			.setAudience(TOKEN_AUDIENCE)
			.setSubject(owner.userId)
			.setIssuedAt(issuedAt)
			.setExpirationTime(expiresAt)
			.sign(await importPKCS8(pem, "ES256"));
		return { token, expiresAt: expiresAt * 1000 };
	} catch {
		// A key that cannot be read is as good as none; the caller says so.
		return null;
	}
}

/** The JWKS of the environment; empty when there is none or it is no JSON. */
export function publicKeys(): KeySet {
	try {
		const set = JSON.parse(process.env.OPENSYNC_JWKS ?? "") as Partial<KeySet> | null;
		return set && Array.isArray(set.keys) ? (set as KeySet) : { keys: [] };
	} catch {
		// Said by `/auth/token` with 503.
		return { keys: [] };
	}
}
