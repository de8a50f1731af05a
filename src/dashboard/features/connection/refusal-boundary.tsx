import { Component, type ReactNode } from "react";
import { plainText } from "../../../lib/plain-text.ts";
import { asRefusal } from "../../../protocol/errors.ts";
import { Notice } from "../../elements/notice.tsx";
import { failureWords } from "../../failure-words.ts";
import { routeHref } from "../../route.ts";

type Props = {
	children: ReactNode;
	/** Where one is: elsewhere all is tried again. Empty for what is the same everywhere. */
	at: string;
	/** The key was revoked or does not count any more. */
	onSignedOut: (reason: string) => void;
};
type State = { at: string; message: string | null };

/** Catches what queries throw: a refused key leads back to sign-in, everything else is shown with a way on. */
export class RefusalBoundary extends Component<Props, State> {
	override state: State = { at: this.props.at, message: null };

	static getDerivedStateFromError(error: unknown): Partial<State> {
		return { message: failureWords(error) };
	}

	static getDerivedStateFromProps({ at }: Props, state: State): State | null {
		return at === state.at ? null : { at, message: null };
	}

	override componentDidCatch(error: unknown): void {
		const refusal = asRefusal(error);
		if (refusal?.code === "key_revoked" || refusal?.code === "signed_out")
			this.props.onSignedOut(refusal.message);
	}

	override render(): ReactNode {
		if (this.state.message === null) return this.props.children;
		return (
			<main className="failed">
				{this.props.at !== "" && (
					<a className="back" href={routeHref({ kind: "list" })}>
						All sessions
					</a>
				)}
				<h1>Something went wrong</h1>
				<Notice kind="error">{plainText(this.state.message)}</Notice>
				<button type="button" onClick={() => this.setState({ message: null })}>
					Try again
				</button>
			</main>
		);
	}
}
