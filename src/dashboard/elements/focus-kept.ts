import { type RefObject, useLayoutEffect } from "react";

/** True when anything but the page itself has the focus. */
export function hasFocus(): boolean {
	return document.activeElement !== null && document.activeElement !== document.body;
}

/**
 * When what has the focus goes with this element and nothing takes its place, what scrolls has it: else
 * keys would do nothing any more.
 */
export function useFocusKept(element: RefObject<HTMLElement | null>): void {
	useLayoutEffect(() => {
		const box = element.current;
		return () => {
			const main = box?.closest("main");
			if (!main || !box?.contains(document.activeElement)) return;
			queueMicrotask(() => {
				if (!hasFocus()) main.focus({ preventScroll: true });
			});
		};
	}, [element]);
}
