import { useEffect, useRef } from "react";

/** Calls `asked` at `/` outside of fields, and at Ctrl-K or Cmd-K anywhere. */
export function useSearchKeys(asked: () => void): void {
	const latest = useRef(asked);
	latest.current = asked;
	useEffect(() => {
		const pressed = (event: KeyboardEvent): void => {
			if (!asksForSearch(event)) return;
			event.preventDefault();
			latest.current();
		};
		window.addEventListener("keydown", pressed);
		return () => window.removeEventListener("keydown", pressed);
	}, []);
}

function asksForSearch(event: KeyboardEvent): boolean {
	if (event.altKey || event.isComposing) return false;
	const withControl = event.ctrlKey || event.metaKey;
	if (withControl) return !event.shiftKey && event.key.toLowerCase() === "k";
	return event.key === "/" && !isField(event.target);
}

function isField(target: EventTarget | null): boolean {
	return (
		target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"))
	);
}
