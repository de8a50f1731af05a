/** Drives the sign-in machine: finds the backend, tries the code of the link or a key, remembers the key. */
import { useCallback, useEffect, useMemo, useReducer } from "react";
import { signInCode } from "../../route.ts";
import { originOf } from "../connection/address.ts";
import { findBackend } from "../connection/find-backend.ts";
import { redeemCode, requestToken } from "./auth-requests.ts";
import { createKeyStore, type KeyStore } from "./key-store.ts";
import { type Credential, nextSignIn, type SignInEvent, type SignInState } from "./sign-in-state.ts";

export type SignIn = {
	state: SignInState;
	/** From the form: an address, and a key or what is to be tried again. */
	submit: (address: string, credential: Credential | null) => void;
	/** Forgets the key; `reason` is shown when it was not the person's own wish. */
	leave: (reason: string | null) => void;
};

export function useSignIn(): SignIn {
	const store = useMemo(() => createKeyStore(() => window.localStorage), []);
	const [state, dispatch] = useReducer(nextSignIn, store, firstState);
	useEffect(() => drive(state, store, dispatch), [state, store]);
	useEffect(() => onLateCode(dispatch), []);
	const submit = useCallback((address: string, credential: Credential | null) => {
		dispatch({ kind: "submitted", address, credential });
	}, []);
	const siteUrl = state.kind === "signedIn" ? state.backend.siteUrl : null;
	const key = state.kind === "signedIn" ? state.key : null;
	const leave = useCallback(
		(reason: string | null) => {
			// Another tab may have signed in with another key meanwhile: that one stays.
			if (siteUrl && store.keyFor(siteUrl) === key) store.setKey(siteUrl, null);
			dispatch({ kind: "left", reason });
		},
		[siteUrl, key, store],
	);
	return { state, submit, leave };
}

/** The backend of `?backend=`, else the one last chosen, else whoever serves this page. */
function firstState(store: KeyStore): SignInState {
	const code = signInCode(window.location.hash);
	if (code) hideCode();
	const named = new URLSearchParams(window.location.search).get("backend");
	const address = named ?? (code ? null : store.lastSite()) ?? window.location.origin;
	const credential = code ? { kind: "code" as const, code } : null;
	const here = window.location.origin;
	if (named !== null && credential && originOf(named) !== here && originOf(named) !== store.lastSite())
		return elsewhere(named, credential);
	return { kind: "finding", address, credential };
}

/** Whoever made such a link could have the page show and search their backend from then on: it asks first. */
function elsewhere(address: string, retry: Credential): SignInState {
	const reason = `This link signs in at ${address}, which is not the backend of this page: go on only if it is yours.`;
	return { kind: "signedOut", backend: null, address, reason, retry, isFirst: true };
}

/** The code must not stay in the address bar or the history. */
function hideCode(): void {
	window.history.replaceState(null, "", `${window.location.pathname}${window.location.search}#/`);
}

/** The effect of being in a state; gives what undoes it. */
function drive(state: SignInState, store: KeyStore, dispatch: (event: SignInEvent) => void): () => void {
	let current = true;
	const report = (event: SignInEvent): void => {
		if (current) dispatch(event);
	};
	if (state.kind === "finding") {
		void findBackend(state.address).then((found) => {
			if (found.kind === "failed") return report({ kind: "notFound", reason: found.reason });
			const { siteUrl } = found.address;
			report({ kind: "found", backend: found.address, storedKey: store.keyFor(siteUrl) });
		});
	}
	if (state.kind === "checking")
		void tryCredential(state.backend.siteUrl, state.credential, store).then(report);
	if (state.kind === "signedIn") {
		store.setKey(state.backend.siteUrl, state.key);
		store.setLastSite(state.backend.siteUrl === window.location.origin ? null : state.backend.siteUrl);
	}
	return () => {
		current = false;
	};
}

/** A sign-in link opened where this page stands already changes the fragment only. */
function onLateCode(dispatch: (event: SignInEvent) => void): () => void {
	const look = (): void => {
		const code = signInCode(window.location.hash);
		if (!code) return;
		hideCode();
		dispatch({ kind: "submitted", address: window.location.origin, credential: { kind: "code", code } });
	};
	window.addEventListener("hashchange", look);
	return () => window.removeEventListener("hashchange", look);
}

async function tryCredential(siteUrl: string, credential: Credential, store: KeyStore): Promise<SignInEvent> {
	if (credential.kind === "key") return await tryKey(siteUrl, credential.key);
	const answer = await redeemCode(siteUrl, credential.code);
	if (answer.kind === "key") return { kind: "accepted", key: answer.key };
	// A link opened for the second time in a browser that it has signed in is no reason to ask for a key.
	const known = answer.kind === "refused" ? store.keyFor(siteUrl) : null;
	const signedIn = known === null ? null : await tryKey(siteUrl, known);
	return signedIn?.kind === "accepted" ? signedIn : answer;
}

async function tryKey(siteUrl: string, key: string): Promise<SignInEvent> {
	const answer = await requestToken(siteUrl, key);
	return answer.kind === "token" ? { kind: "accepted", key } : answer;
}
