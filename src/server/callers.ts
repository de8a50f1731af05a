/** Turns credentials into the caller of a function: admin key, admin acting as a user, or a bearer token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Caller, Identity } from "../engine/types.ts";
import { assert } from "../lib/assert.ts";
import { HttpError } from "./replies.ts";
import { createTokenVerifier, type KeyFetch } from "./tokens.ts";

export type Authenticated =
	/** `expiresAtMs`: when a bearer token stops to count, tolerance included. */
	{ kind: "ok"; caller: Caller; expiresAtMs?: number } | { kind: "refused"; code: string; message: string };

export const NOBODY: Caller = { identity: null, admin: false };

export interface Callers {
	admin(key: string, actingAs?: unknown): Authenticated;
	token(token: string): Promise<Authenticated>;
	/** From the Authorization header or `?adminKey=`. A bad one throws `HttpError` 401. */
	ofRequest(request: IncomingMessage, url: URL): Promise<Caller>;
	/** For HTTP actions: a bad header is nobody; the function finds out when it asks. */
	ofAction(request: IncomingMessage): Promise<Caller>;
}

/** `fetchKeys` reads the key sets that providers publish. */
export function createCallers(
	adminKey: string,
	providers: readonly unknown[],
	fetchKeys?: KeyFetch,
): Callers {
	assert(secretPart(adminKey) !== "", "the admin key must not be empty");
	const verify = createTokenVerifier(providers, fetchKeys);

	function admin(key: string, actingAs?: unknown): Authenticated {
		if (!sameSecret(secretPart(key), secretPart(adminKey))) {
			return {
				kind: "refused",
				code: "BadAdminKey",
				message: "The provided admin key was invalid for this instance",
			};
		}
		return { kind: "ok", caller: { identity: actingAs ? asIdentity(actingAs) : null, admin: true } };
	}

	async function token(value: string): Promise<Authenticated> {
		const verified = await verify(value);
		if (verified.kind === "refused") return verified;
		return {
			kind: "ok",
			caller: { identity: verified.identity, admin: false, authToken: value },
			expiresAtMs: verified.expiresAtMs,
		};
	}

	async function fromHeader(header: string): Promise<Authenticated> {
		const [, scheme, value] = /^(\S+)\s+(.+)$/.exec(header) ?? [];
		if (scheme?.toLowerCase() === "bearer" && value) return await token(value);
		if (scheme?.toLowerCase() !== "convex" || !value) {
			return {
				kind: "refused",
				code: "InvalidAuthHeader",
				message: "Expected an Authorization header of the form `Bearer …` or `Convex …`.",
			};
		}
		const at = value.lastIndexOf(":");
		const acting = at > 0 ? parseActingAs(value.slice(at + 1)) : null;
		return acting ? admin(value.slice(0, at), acting) : admin(value);
	}

	return {
		admin,
		token,
		async ofRequest(request, url) {
			const header = request.headers.authorization;
			const queryKey = url.searchParams.get("adminKey");
			const found = header
				? await fromHeader(header)
				: queryKey
					? admin(queryKey)
					: ({ kind: "ok", caller: NOBODY } satisfies Authenticated);
			if (found.kind === "refused") throw new HttpError(401, found.code, found.message);
			return withRequest(found.caller, request);
		},
		async ofAction(request) {
			const header = request.headers.authorization;
			const found = header ? await fromHeader(header) : null;
			return withRequest(found?.kind === "ok" ? found.caller : NOBODY, request);
		},
	};
}

function withRequest(caller: Caller, request: IncomingMessage): Caller {
	return {
		...caller,
		ip: request.socket.remoteAddress ?? null,
		userAgent: request.headers["user-agent"] ?? null,
	};
}

/** `prod:name|secret`, `name|secret` or an opaque key: what counts is the secret. */
const secretPart = (key: string): string => key.slice(key.lastIndexOf("|") + 1);

function sameSecret(a: string, b: string): boolean {
	const digest = (text: string) => createHash("sha256").update(text).digest();
	return timingSafeEqual(digest(a), digest(b));
}

function parseActingAs(base64: string): Record<string, unknown> | null {
	try {
		const value: unknown = JSON.parse(Buffer.from(base64, "base64").toString("utf8"));
		return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
	} catch {
		return null;
	}
}

function asIdentity(value: unknown): Identity {
	const attributes = value as Record<string, unknown>;
	const issuer = String(attributes.issuer ?? "admin");
	const subject = String(attributes.subject ?? "admin");
	return {
		...attributes,
		issuer,
		subject,
		tokenIdentifier: String(attributes.tokenIdentifier ?? `${issuer}|${subject}`),
	};
}
