/**
 * The routes on the site's address: what a client asks before it has a token, and in `routes/` what
 * OpenSync's plugins and other programs call with an API key.
 *
 * Any origin may call them: nothing here acts on a cookie, only on a key or a code that the caller brings.
 * Bad input is answered with 400 or 401 and one sentence, never with 500.
 */
import { httpRouter } from "convex/server";
import { BACKEND_NAME, FEATURES, PROTOCOL_VERSION } from "../src/protocol/version.ts";
import { internal } from "./_generated/api.js";
import { httpAction } from "./_generated/server.js";
import { makeKey, sha256Hex, shownOf } from "./model/secrets.ts";
import { publicKeys, signToken } from "./model/token.ts";
import { addPreflight, answer } from "./routes/api.ts";
import { addReadingRoutes } from "./routes/reading.ts";
import { addSearchRoutes } from "./routes/search.ts";
import { addSyncRoutes } from "./routes/sync.ts";

const http = httpRouter();

/** Longest request body that makes sense here, in characters. */
const BODY_MAX_CHARS = 4096;

http.route({
	path: "/health",
	method: "GET",
	handler: httpAction(async () =>
		answer(200, {
			status: "ok",
			timestamp: Date.now(),
			name: BACKEND_NAME,
			version: PROTOCOL_VERSION,
			features: FEATURES,
			convexUrl: process.env.CONVEX_CLOUD_URL ?? null,
		}),
	),
});

/** An API key for a token. */
http.route({
	path: "/auth/token",
	method: "POST",
	handler: httpAction(async (ctx, request) => {
		const key = /^Bearer\s+(osk_\S+)\s*$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
		if (!key) return answer(401, { error: "Send an API key as `Authorization: Bearer osk_…`." });
		const found = await ctx.runMutation(internal.apiKeys.find, { hash: await sha256Hex(key) });
		if (!found) {
			return answer(401, {
				code: "signed_out",
				error: "This API key is unknown here. Check it, or make one with `pi-opensync keys create`.",
			});
		}
		if (found.kind === "revoked") {
			return answer(401, {
				code: "key_revoked",
				error: "This API key was revoked. Make a new one with `pi-opensync keys create`.",
			});
		}
		const token = await signToken(found);
		if (!token) {
			return answer(503, {
				error:
					"This backend has no usable signing key. Set OPENSYNC_JWT_PRIVATE_KEY and OPENSYNC_JWKS on it.",
			});
		}
		return answer(200, { ...token, scopes: found.scopes, userName: found.userName });
	}),
});

/** A one-time sign-in code for an API key. */
http.route({
	path: "/auth/code",
	method: "POST",
	handler: httpAction(async (ctx, request) => {
		const code = codeIn(await bodyText(request));
		if (!code) return answer(400, { error: 'Send JSON with a code: {"code": "…"}.' });
		const key = makeKey();
		const name = `dashboard ${new Date().toISOString().slice(0, 16).replace("T", " ")}`;
		const redeemed = await ctx.runMutation(internal.signIn.redeem, {
			codeHash: await sha256Hex(code),
			keyHash: await sha256Hex(key),
			shown: shownOf(key),
			name,
		});
		if (!redeemed)
			return answer(401, { error: "This sign-in code is unknown, used or too old. Ask for a new one." });
		return answer(200, { key, name });
	}),
});

/** The public half of the signing key. */
http.route({
	path: "/.well-known/jwks.json",
	method: "GET",
	handler: httpAction(async () => answer(200, publicKeys(), { "Cache-Control": "public, max-age=300" })),
});

for (const path of ["/health", "/auth/token", "/auth/code", "/.well-known/jwks.json"])
	addPreflight(http, path);

addSyncRoutes(http);
addReadingRoutes(http);
addSearchRoutes(http);

/** Empty when it cannot be read or is too long. */
async function bodyText(request: Request): Promise<string> {
	try {
		const text = await request.text();
		return text.length <= BODY_MAX_CHARS ? text : "";
	} catch {
		// An aborted upload is answered like an empty one.
		return "";
	}
}

function codeIn(text: string): string | null {
	try {
		const code = (JSON.parse(text) as { code?: unknown } | null)?.code;
		return typeof code === "string" && code !== "" ? code : null;
	} catch {
		// Not JSON: there is no code in it.
		return null;
	}
}

export default http;
