/**
 * Bearer tokens checked against the app's `auth.config.ts`: OIDC providers `{domain, applicationID}` and
 * `{type: "customJwt", issuer, jwks, algorithm, applicationID?}`. `kid` is required, `aud` checked when the
 * provider names an application, clocks may differ by 5 s.
 */
import {
	createLocalJWKSet,
	createRemoteJWKSet,
	customFetch,
	decodeJwt,
	decodeProtectedHeader,
	errors,
	type JWTVerifyGetKey,
	jwtVerify,
} from "jose";
import type { Identity } from "../engine/types.ts";

export type Verified =
	| { kind: "ok"; identity: Identity; expiresAtMs: number }
	| { kind: "refused"; code: string; message: string };

type Provider = {
	issuer: string;
	audience: string | null;
	algorithms: string[];
	keys: () => Promise<JWTVerifyGetKey>;
};

const CLOCK_TOLERANCE_S = 5;
const OIDC_ALGORITHMS = ["RS256", "ES256"];

/** Reads a key set or a discovery document. */
export type KeyFetch = (url: string, init?: RequestInit) => Promise<Response>;

/** `fetchKeys` is how published keys are read; default: over the network. */
export function createTokenVerifier(
	providers: readonly unknown[],
	fetchKeys: KeyFetch = fetch,
): (token: string) => Promise<Verified> {
	const known = providers
		.map((provider) => readProvider(provider, fetchKeys))
		.filter((provider) => provider !== null);
	return async (token) => {
		const matching = matchProviders(known, token);
		if (matching.kind === "refused") return matching;
		let refused: Verified = {
			kind: "refused",
			code: "NoAuthProvider",
			message: "No auth provider found matching the given token",
		};
		for (const provider of matching.providers) {
			const verified = await verifyWith(provider, token);
			if (verified.kind === "ok") return verified;
			refused = verified;
		}
		return refused;
	};
}

type Matching = { kind: "ok"; providers: Provider[] } | { kind: "refused"; code: string; message: string };

function matchProviders(known: readonly Provider[], token: string): Matching {
	try {
		const { iss } = decodeJwt(token);
		if (!decodeProtectedHeader(token).kid) {
			return {
				kind: "refused",
				code: "InvalidAuthHeader",
				message: "Could not verify the token: its header names no key (kid).",
			};
		}
		return { kind: "ok", providers: known.filter((provider) => sameIssuer(provider.issuer, iss ?? "")) };
	} catch {
		return { kind: "refused", code: "InvalidAuthHeader", message: "Could not parse the token as a JWT." };
	}
}

async function verifyWith(provider: Provider, token: string): Promise<Verified> {
	try {
		const { payload } = await jwtVerify(token, await provider.keys(), {
			algorithms: provider.algorithms,
			clockTolerance: CLOCK_TOLERANCE_S,
			requiredClaims: ["iss", "sub", "exp"],
			...(provider.audience === null ? {} : { audience: provider.audience }),
		});
		const { iss, sub, aud: _aud, exp, iat: _iat, nbf: _nbf, jti: _jti, ...claims } = payload;
		if (!iss || !sub || exp === undefined)
			return {
				kind: "refused",
				code: "InvalidAuthHeader",
				message: "The token names no issuer or no subject.",
			};
		return {
			kind: "ok",
			identity: { ...renamed(claims), tokenIdentifier: `${iss}|${sub}`, issuer: iss, subject: sub },
			expiresAtMs: (exp + CLOCK_TOLERANCE_S) * 1000,
		};
	} catch (error) {
		const expired = error instanceof errors.JWTExpired;
		const message = expired
			? "Token expired"
			: `Could not verify the token: ${error instanceof Error ? error.message : "unknown reason"}`;
		return { kind: "refused", code: expired ? "Expired" : "InvalidAuthHeader", message };
	}
}

/** OpenID's claim names as `UserIdentity` spells them; other claims keep their names. */
const CLAIM_NAMES: Record<string, string> = {
	given_name: "givenName",
	family_name: "familyName",
	preferred_username: "preferredUsername",
	profile: "profileUrl",
	picture: "pictureUrl",
	website: "websiteUrl",
	email_verified: "emailVerified",
	phone_number: "phoneNumber",
	phone_number_verified: "phoneNumberVerified",
	zoneinfo: "timezone",
	locale: "language",
	updated_at: "updatedAt",
};

function renamed(claims: Record<string, unknown>): Record<string, unknown> {
	return Object.fromEntries(
		Object.entries(claims).map(([name, value]) => [CLAIM_NAMES[name] ?? name, value]),
	);
}

function sameIssuer(a: string, b: string): boolean {
	return a.replace(/\/$/, "") === b.replace(/\/$/, "");
}

function readProvider(value: unknown, fetchKeys: KeyFetch): Provider | null {
	if (typeof value !== "object" || value === null) return null;
	const provider = value as Record<string, unknown>;
	const audience = typeof provider.applicationID === "string" ? provider.applicationID : null;
	if (provider.type === "customJwt") {
		if (typeof provider.issuer !== "string" || typeof provider.jwks !== "string") return null;
		const jwks = provider.jwks;
		return {
			issuer: provider.issuer,
			audience,
			algorithms: [String(provider.algorithm)],
			keys: once(async () => keysFrom(jwks, fetchKeys)),
		};
	}
	if (typeof provider.domain !== "string") return null;
	const issuer = /^https?:\/\//.test(provider.domain) ? provider.domain : `https://${provider.domain}`;
	return {
		issuer,
		audience,
		algorithms: OIDC_ALGORITHMS,
		keys: once(async () => await discover(issuer, fetchKeys)),
	};
}

/** Remembers a success; a failure is tried again at the next token. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
	let made: Promise<T> | null = null;
	return () => {
		made ??= make().catch((error) => {
			made = null;
			throw error;
		});
		return made;
	};
}

async function discover(issuer: string, fetchKeys: KeyFetch): Promise<JWTVerifyGetKey> {
	const response = await fetchKeys(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
		signal: AbortSignal.timeout(10_000),
	});
	const { jwks_uri } = (await response.json()) as { jwks_uri?: string };
	if (!jwks_uri) throw new Error(`${issuer} does not say where its keys are.`);
	return createRemoteJWKSet(new URL(jwks_uri), { [customFetch]: fetchKeys });
}

async function keysFrom(jwks: string, fetchKeys: KeyFetch): Promise<JWTVerifyGetKey> {
	if (!jwks.startsWith("data:")) return createRemoteJWKSet(new URL(jwks), { [customFetch]: fetchKeys });
	const response = await fetch(jwks);
	return createLocalJWKSet((await response.json()) as { keys: [] });
}
