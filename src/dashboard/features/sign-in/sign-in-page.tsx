import { type FormEvent, useId, useState } from "react";
import { Notice } from "../../elements/notice.tsx";
import type { Credential, SignInState } from "./sign-in-state.ts";

type Props = {
	state: Exclude<SignInState, { kind: "signedIn" }>;
	onSubmit: (address: string, credential: Credential | null) => void;
};

/** Asks for an API key, and shows why the last attempt failed. */
export function SignInPage({ state, onSubmit }: Props) {
	if (state.kind !== "signedOut") {
		return (
			<main className="sign-in">
				<h1>pi-opensync</h1>
				<p role="status">{state.kind === "finding" ? "Looking for the backend…" : "Signing in…"}</p>
			</main>
		);
	}
	const { retry } = state;
	return (
		<main className="sign-in">
			<h1>pi-opensync</h1>
			<p className="quiet">Your Pi sessions, live.</p>
			{state.reason && <Notice kind="error">{state.reason}</Notice>}
			{retry && (
				<button type="button" onClick={() => onSubmit(state.address, retry)}>
					{state.isFirst ? "Go on" : "Try again"}
				</button>
			)}
			<SignInForm address={state.address} onSubmit={onSubmit} />
			<p className="quiet">
				No key at hand? <code>pi-opensync open</code> prints a link that signs this browser in, and{" "}
				<code>pi-opensync keys create</code> makes a key.
			</p>
		</main>
	);
}

function SignInForm({ address, onSubmit }: { address: string; onSubmit: Props["onSubmit"] }) {
	const [typedAddress, setTypedAddress] = useState(address);
	const [key, setKey] = useState("");
	const keyId = useId();
	const addressId = useId();
	const submit = (event: FormEvent) => {
		event.preventDefault();
		const trimmed = key.trim();
		onSubmit(typedAddress, trimmed === "" ? null : { kind: "key", key: trimmed });
	};
	return (
		<form onSubmit={submit}>
			<label htmlFor={keyId}>API key</label>
			<input
				id={keyId}
				type="password"
				autoComplete="off"
				spellCheck={false}
				placeholder="osk_…"
				value={key}
				onChange={(event) => setKey(event.target.value)}
			/>
			<label htmlFor={addressId}>Backend address</label>
			<input
				id={addressId}
				type="text"
				inputMode="url"
				spellCheck={false}
				value={typedAddress}
				onChange={(event) => setTypedAddress(event.target.value)}
			/>
			<button type="submit" className="primary">
				Sign in
			</button>
		</form>
	);
}
