import { Component, type ReactNode } from "react";

type Props = {
	/** What the children are made of: with another one they are tried again. */
	of: string;
	to: ReactNode;
	children: ReactNode;
};
type State = { of: string; failed: boolean };

/** Shows something simpler where the children cannot be drawn: one text must not take the page with it. */
export class FallsBack extends Component<Props, State> {
	override state: State = { of: this.props.of, failed: false };

	static getDerivedStateFromError(): Partial<State> {
		return { failed: true };
	}

	static getDerivedStateFromProps({ of }: Props, state: State): State | null {
		return of === state.of ? null : { of, failed: false };
	}

	override render(): ReactNode {
		return this.state.failed ? this.props.to : this.props.children;
	}
}
