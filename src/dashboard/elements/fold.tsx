import { createContext, type ReactNode, useContext, useState } from "react";

type Props = {
	/** The one line that stays. */
	summary: ReactNode;
	className?: string;
	startsOpen?: boolean;
	/** Remembers under this name that it was opened, so that it stands open where it is drawn next. */
	name?: string;
	/** Made only while it is open. */
	children: () => ReactNode;
};

/** Names of the folds that stand open; whoever shows a transcript gives one. */
export const OpenFolds = createContext<Set<string>>(new Set());

/** True where a reader was led to: all folds there begin open. */
export const StartsOpen = createContext(false);

/** One line that opens to show the rest. */
export function Fold({ summary, className = "", startsOpen = false, name, children }: Props) {
	const remembered = useContext(OpenFolds);
	const isLedTo = useContext(StartsOpen);
	const [isOpen, setOpen] = useState(startsOpen || isLedTo || (name !== undefined && remembered.has(name)));
	const toggled = (open: boolean): void => {
		setOpen(open);
		if (name === undefined) return;
		if (open) remembered.add(name);
		else remembered.delete(name);
	};
	return (
		<details
			className={`fold ${className}`}
			open={isOpen}
			onToggle={(event) => toggled(event.currentTarget.open)}
		>
			<summary>{summary}</summary>
			{isOpen && <div className="fold-inside">{children()}</div>}
		</details>
	);
}
