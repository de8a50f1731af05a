/**
 * Where the reader is: at the newest, and then the page follows it; or further up, and then nothing that
 * is added before or after moves what is being read.
 */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** This near to the end counts as being there. */
const NEAR_PX = 40;

const SETTLING_FRAMES = 12;

export type Scroll = {
	scroller: RefObject<HTMLElement | null>;
	content: RefObject<HTMLDivElement | null>;
	/** False when the reader has gone up. */
	isFollowing: boolean;
	toNewest: () => void;
	/** Call right before older rows come in front. */
	holdPlace: () => void;
	/** Brings a row into view; what is loaded around it does not move it. */
	showRow: (key: string) => void;
};

/** For the component that draws the rows: the place is put right after its draw. */
export function useScroll(): Scroll {
	const scroller = useRef<HTMLElement>(null);
	const content = useRef<HTMLDivElement>(null);
	const following = useRef(true);
	const held = useRef<{ row: Element; top: number } | null>(null);
	const [isFollowing, setFollowing] = useState(true);
	const follow = useCallback((on: boolean) => {
		following.current = on;
		setFollowing(on);
	}, []);
	useEffect(() => watch(scroller.current, content.current, following, follow), [follow]);
	useLayoutEffect(() => {
		const place = held.current;
		const box = scroller.current;
		held.current = null;
		if (!place || !box || !place.row.isConnected) return;
		box.scrollTop += place.row.getBoundingClientRect().top - place.top;
		requestAnimationFrame(() => box.style.removeProperty("overflow-anchor"));
	});
	const holdPlace = useCallback(() => {
		const row = firstRowInView(scroller.current);
		if (!row || following.current || !scroller.current) return;
		// The browser would keep the place as well, but not at the very top; both together would move it twice.
		scroller.current.style.setProperty("overflow-anchor", "none");
		held.current = { row, top: row.getBoundingClientRect().top };
	}, []);
	const toNewest = useCallback(() => {
		follow(true);
		scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
		// The button that asked for it goes away with the focus.
		scroller.current?.focus({ preventScroll: true });
	}, [follow]);
	const showRow = useCallback(
		(key: string) => {
			follow(false);
			bringIntoView(scroller.current, key, SETTLING_FRAMES);
		},
		[follow],
	);
	return { scroller, content, isFollowing, toNewest, holdPlace, showRow };
}

/** Rows get their real heights when they come near the view: the place is put again for some frames. */
function bringIntoView(box: HTMLElement | null, key: string, frames: number): void {
	const rows = [...(box?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
	const row = rows.find((one) => one.dataset.row === key);
	if (!box || !row) return;
	const fits = row.getBoundingClientRect().height < box.clientHeight * 0.8;
	row.scrollIntoView({ block: fits ? "center" : "start" });
	if (frames > 0) requestAnimationFrame(() => bringIntoView(box, key, frames - 1));
}

function watch(
	box: HTMLElement | null,
	inside: HTMLElement | null,
	following: RefObject<boolean>,
	follow: (on: boolean) => void,
): () => void {
	if (!box || !inside) return () => {};
	let top = box.scrollTop;
	let height = box.scrollHeight;
	const scrolled = (): void => {
		const isNear = box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_PX;
		const wentUp = box.scrollTop < top - 1 && box.scrollHeight >= height;
		if (wentUp && !atEnd(box)) follow(false);
		else if (isNear && !following.current) follow(true);
		top = box.scrollTop;
		height = box.scrollHeight;
	};
	const grown = (): void => {
		if (following.current) box.scrollTop = box.scrollHeight;
	};
	// What somebody opens is what they want to see: it must not run away to the end.
	const clicked = (event: Event): void => {
		if (!following.current || !(event.target as Element).closest("summary, button, label")) return;
		// Not told to React in the midst of the event: it would put a checkbox back that it has not heard of yet.
		following.current = false;
		requestAnimationFrame(() => requestAnimationFrame(() => follow(atEnd(box))));
	};
	const observer = new ResizeObserver(grown);
	observer.observe(inside);
	observer.observe(box);
	box.addEventListener("scroll", scrolled, { passive: true });
	inside.addEventListener("click", clicked);
	return () => {
		observer.disconnect();
		box.removeEventListener("scroll", scrolled);
		inside.removeEventListener("click", clicked);
	};
}

function atEnd(box: HTMLElement): boolean {
	return box.scrollHeight - box.scrollTop - box.clientHeight <= 2;
}

function firstRowInView(box: HTMLElement | null): Element | null {
	const edge = box?.getBoundingClientRect().top ?? 0;
	return (
		[...(box?.querySelectorAll("[data-row]") ?? [])].find(
			(row) => row.getBoundingClientRect().bottom > edge,
		) ?? null
	);
}
