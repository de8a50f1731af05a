import { Component, type ReactNode } from "react";
import { asRefusal } from "../../../protocol/errors.ts";
import { Notice } from "../../elements/notice.tsx";

type Props = {
	children: ReactNode;
	/** The key was revoked or does not count any more. */
	onSignedOut: (reason: string) => void;
};
type State = { message: string | null };

/** Catches what queries throw: a refused key leads back to sign-in, everything else is shown with a way on. */
export class RefusalBoundary extends Component<Props, State> {
	override state: State = { message: null };

	static getDerivedStateFromError(error: unknown): State {
		const refusal = asRefusal(error);
		return { message: refusal?.message ?? (error instanceof Error ? error.message : String(error)) };
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
				<h1>Something went wrong</h1>
				<Notice kind="error">{this.state.message}</Notice>
				<button type="button" onClick={() => this.setState({ message: null })}>
					Try again
				</button>
			</main>
		);
	}
}
