import { useEffect, useMemo, useRef } from "react";
import { plainText } from "../../../lib/plain-text.ts";
import type { EntryView } from "../../../protocol/entry.ts";
import { Notice } from "../../elements/notice.tsx";
import { byteSize } from "../../format.ts";
import { EntryBody } from "./entry-body.tsx";
import type { EntryModel } from "./entry-model.ts";
import { loneRow, type ResultOf } from "./transcript-rows.ts";
import { useStoredEntry } from "./use-stored-entry.ts";

/** Fetched without asking when it comes near the view; more than this waits for a click. */
const UNASKED_BYTES = 4_000_000;

/** An entry whose JSON is too large for a row: fetched when it is looked at. */
export function StoredEntry({ entry, resultOf }: { entry: EntryView; resultOf: ResultOf }) {
	const { state, load } = useStoredEntry(entry);
	const box = useRef<HTMLDivElement>(null);
	const loadsItself = entry.bytes <= UNASKED_BYTES && state.kind === "waiting";
	useEffect(() => {
		if (!box.current || !loadsItself) return;
		const observer = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && load(), {
			rootMargin: "200px",
		});
		observer.observe(box.current);
		return () => observer.disconnect();
	}, [load, loadsItself]);
	if (state.kind === "loaded") return <Loaded entry={entry} model={state.model} resultOf={resultOf} />;
	return (
		<div ref={box} className="stored">
			{entry.columns.preview && (
				<p className="plain-text" dir="auto">
					{plainText(entry.columns.preview)}
				</p>
			)}
			{state.kind === "failed" && <Notice kind="error">{state.reason}</Notice>}
			<button type="button" onClick={load} disabled={state.kind === "loading"}>
				{state.kind === "loading" ? "Loading…" : `Load all of it (${byteSize(entry.bytes)})`}
			</button>
		</div>
	);
}

function Loaded({ entry, model, resultOf }: { entry: EntryView; model: EntryModel; resultOf: ResultOf }) {
	const row = useMemo(() => loneRow(entry, model), [entry, model]);
	return (
		<EntryBody
			model={row?.model ?? model}
			resultOf={(toolCallId) => row?.results.get(toolCallId) ?? resultOf(toolCallId)}
		/>
	);
}
