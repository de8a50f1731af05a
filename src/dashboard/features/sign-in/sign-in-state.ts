/**
 * Signing in, as a machine:
 *
 *   finding ──found──► (code or key at hand?) ──► checking ──accepted──► signedIn
 *      └──failed──► signedOut ◄──refused────────────┘                      │
 *                       ▲──────────── left, or the key was refused ────────┘
 */
import type { BackendAddress } from "../connection/find-backend.ts";

/** What is tried: a key of before or just typed, or the one-time code of a link. */
export type Credential = { kind: "key"; key: string } | { kind: "code"; code: string };

export type SignInState =
	| { kind: "finding"; address: string; credential: Credential | null }
	| { kind: "checking"; backend: BackendAddress; credential: Credential }
	| {
			kind: "signedOut";
			/** Null while no backend is known. */
			backend: BackendAddress | null;
			/** What the address field holds. */
			address: string;
			/** Why, in one sentence; null for somebody who is simply new here. */
			reason: string | null;
			/** To be tried again: what failed was the way there, not the credential. */
			retry: Credential | null;
			/** It was not tried yet. */
			isFirst?: boolean;
	  }
	| { kind: "signedIn"; backend: BackendAddress; key: string };

export type SignInEvent =
	| { kind: "found"; backend: BackendAddress; storedKey: string | null }
	| { kind: "notFound"; reason: string }
	| { kind: "accepted"; key: string }
	| { kind: "refused"; reason: string }
	| { kind: "unreachable"; reason: string }
	/** From the form. */
	| { kind: "submitted"; address: string; credential: Credential | null }
	| { kind: "left"; reason: string | null };

/** Events that do not fit the state, such as a late answer, change nothing. */
export function nextSignIn(state: SignInState, event: SignInEvent): SignInState {
	switch (event.kind) {
		case "found":
			return state.kind === "finding" ? found(state, event.backend, event.storedKey) : state;
		case "notFound":
			if (state.kind !== "finding") return state;
			return {
				kind: "signedOut",
				backend: null,
				address: state.address,
				reason: event.reason,
				retry: state.credential,
			};
		case "accepted":
			return state.kind === "checking" ? { kind: "signedIn", backend: state.backend, key: event.key } : state;
		case "refused":
		case "unreachable":
			if (state.kind !== "checking") return state;
			return signedOut(state.backend, event.reason, event.kind === "unreachable" ? state.credential : null);
		case "submitted":
			return { kind: "finding", address: event.address, credential: event.credential };
		case "left":
			return state.kind === "signedIn" ? signedOut(state.backend, event.reason, null) : state;
		default:
			return event satisfies never;
	}
}

function found(
	state: Extract<SignInState, { kind: "finding" }>,
	backend: BackendAddress,
	storedKey: string | null,
): SignInState {
	const credential =
		state.credential ?? (storedKey === null ? null : { kind: "key" as const, key: storedKey });
	return credential ? { kind: "checking", backend, credential } : signedOut(backend, null, null);
}

function signedOut(backend: BackendAddress, reason: string | null, retry: Credential | null): SignInState {
	return { kind: "signedOut", backend, address: backend.siteUrl, reason, retry };
}
