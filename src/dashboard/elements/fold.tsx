import {
	createContext,
	type ReactNode,
	type RefObject,
	useContext,
	useLayoutEffect,
	useRef,
	useState,
} from "react";
import { hasFocus } from "./focus-kept.ts";

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

/** What is known of folds by their names, for those that are drawn in another place next. */
export type KnownFolds = {
	open: Set<string>;
	/** The one that had the focus when it went. */
	focused: string | null;
};

/** Whoever shows a transcript gives one. */
export const OpenFolds = createContext<KnownFolds>({ open: new Set(), focused: null });

/** True where a reader was led to: all folds there begin open. */
export const StartsOpen = createContext(false);

/** One line that opens to show the rest. */
export function Fold({ summary, className = "", startsOpen = false, name, children }: Props) {
	const known = useContext(OpenFolds);
	const isLedTo = useContext(StartsOpen);
	const [isOpen, setOpen] = useState(startsOpen || isLedTo || (name !== undefined && known.open.has(name)));
	const details = useRef<HTMLDetailsElement>(null);
	useRenamed(known, name);
	useKeptFocus(known, name, details);
	const toggled = (open: boolean): void => {
		setOpen(open);
		if (name === undefined) return;
		if (open) known.open.add(name);
		else known.open.delete(name);
	};
	return (
		<details
			ref={details}
			className={`fold ${className}`}
			open={isOpen}
			onToggle={(event) => toggled(event.currentTarget.open)}
		>
			<summary>{summary}</summary>
			{isOpen && <div className="fold-inside">{children()}</div>}
		</details>
	);
}

/** What grows may get another name while it stands open. */
function useRenamed(known: KnownFolds, name: string | undefined): void {
	const before = useRef(name);
	useLayoutEffect(() => {
		if (before.current !== undefined && name !== undefined && before.current !== name) {
			if (known.open.delete(before.current)) known.open.add(name);
		}
		before.current = name;
	}, [known, name]);
}

/** A fold that takes the place of the one with its name takes the focus, too. */
function useKeptFocus(
	known: KnownFolds,
	name: string | undefined,
	details: RefObject<HTMLDetailsElement | null>,
): void {
	const latest = useRef(name);
	latest.current = name;
	useLayoutEffect(() => {
		const fold = details.current;
		if (latest.current !== undefined && known.focused === latest.current) {
			known.focused = null;
			if (!hasFocus()) fold?.querySelector("summary")?.focus({ preventScroll: true });
		}
		return () => {
			if (fold?.contains(document.activeElement)) known.focused = latest.current ?? null;
		};
	}, [known, details]);
}
