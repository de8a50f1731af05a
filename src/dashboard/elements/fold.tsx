import { type ReactNode, useState } from "react";

type Props = {
	/** The one line that stays. */
	summary: ReactNode;
	className?: string;
	startsOpen?: boolean;
	/** Made only while it is open. */
	children: () => ReactNode;
};

/** One line that opens to show the rest. */
export function Fold({ summary, className = "", startsOpen = false, children }: Props) {
	const [isOpen, setOpen] = useState(startsOpen);
	return (
		<details
			className={`fold ${className}`}
			open={isOpen}
			onToggle={(event) => setOpen(event.currentTarget.open)}
		>
			<summary>{summary}</summary>
			{isOpen && <div className="fold-inside">{children()}</div>}
		</details>
	);
}
