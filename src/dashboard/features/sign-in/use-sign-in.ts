/** Drives the sign-in machine: finds the backend, tries the code of the link or a key, remembers the key. */
import { useCallback, useEffect, useMemo, useReducer } from "react";
import { signInCode } from "../../route.ts";
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
	const store = useMemo(() => createKeyStore(window.localStorage), []);
	const [state, dispatch] = useReducer(nextSignIn, store, firstState);
	useEffect(() => drive(state, store, dispatch), [state, store]);
	const submit = useCallback((address: string, credential: Credential | null) => {
		dispatch({ kind: "submitted", address, credential });
	}, []);
	const siteUrl = state.kind === "signedIn" ? state.backend.siteUrl : null;
	const leave = useCallback(
		(reason: string | null) => {
			if (siteUrl) store.setKey(siteUrl, null);
			dispatch({ kind: "left", reason });
		},
		[siteUrl, store],
	);
	return { state, submit, leave };
}

/** The backend of `?backend=`, else the one last chosen, else whoever serves this page. */
function firstState(store: KeyStore): SignInState {
	const code = signInCode(window.location.hash);
	if (code) hideCode();
	const named = new URLSearchParams(window.location.search).get("backend");
	const address = named ?? (code ? null : store.lastSite()) ?? window.location.origin;
	return { kind: "finding", address, credential: code ? { kind: "code", code } : null };
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
	if (state.kind === "checking") void tryCredential(state.backend.siteUrl, state.credential).then(report);
	if (state.kind === "signedIn") {
		store.setKey(state.backend.siteUrl, state.key);
		store.setLastSite(state.backend.siteUrl === window.location.origin ? null : state.backend.siteUrl);
	}
	return () => {
		current = false;
	};
}

async function tryCredential(siteUrl: string, credential: Credential): Promise<SignInEvent> {
	if (credential.kind === "code") {
		const answer = await redeemCode(siteUrl, credential.code);
		return answer.kind === "key" ? { kind: "accepted", key: answer.key } : answer;
	}
	const answer = await requestToken(siteUrl, credential.key);
	return answer.kind === "token" ? { kind: "accepted", key: credential.key } : answer;
}
