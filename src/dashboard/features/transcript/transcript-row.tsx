import { memo, useCallback } from "react";
import { EntryBody } from "./entry-body.tsx";
import type { EntryModel } from "./entry-model.ts";
import { StoredEntry } from "./stored-entry.tsx";
import type { ResultOf, Row } from "./transcript-rows.ts";

type Props = {
	row: Row;
	/** The address leads here. */
	isTarget: boolean;
};

/** One row; drawn again only when something in it changes. */
export const TranscriptRow = memo(function TranscriptRow({ row, isTarget }: Props) {
	const { entry, model, results } = row;
	const resultOf = useCallback<ResultOf>((id) => results.get(id) ?? null, [results]);
	const kind = model?.kind ?? "stored";
	return (
		<article
			className={`row row-${kind} ${row.isOnBranch ? "" : "row-aside"} ${isTarget ? "row-target" : ""}`}
			aria-current={isTarget ? "true" : undefined}
			aria-label={labelOf(model, entry.columns.role)}
			data-row={row.key}
			data-entry={entry.entryId}
		>
			{model ? (
				<EntryBody model={model} resultOf={resultOf} />
			) : (
				// With other content it is another file: what was fetched of the one before is let go.
				<StoredEntry key={`${entry.bytes} ${entry.url}`} entry={entry} resultOf={resultOf} />
			)}
		</article>
	);
});

function labelOf(model: EntryModel | null, role: string | undefined): string | undefined {
	switch (model?.kind ?? role) {
		case "user":
			return "You";
		case "assistant":
			return "Assistant";
		case "bash":
			return "Command";
		case "toolResult":
			return "Tool result";
		case "custom":
			return "Message of an extension";
		case "system":
			return "System message";
		default:
			return undefined;
	}
}
