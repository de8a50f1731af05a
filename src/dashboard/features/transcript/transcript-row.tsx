import { memo, useCallback } from "react";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import { Markdown } from "../../elements/markdown.tsx";
import { Notice } from "../../elements/notice.tsx";
import { RawJson } from "../../elements/raw-json.tsx";
import { shortCount } from "../../format.ts";
import { plainText } from "../../plain-text.ts";
import { BashRun } from "./bash-run.tsx";
import type { EntryModel } from "./entry-model.ts";
import { AssistantParts, MarkdownParts, PlainParts } from "./parts.tsx";
import { StoredEntry } from "./stored-entry.tsx";
import { LoneResult } from "./tool-result.tsx";
import type { ResultOf, Row } from "./transcript-rows.ts";

/** One row; drawn again only when something in it changes. */
export const TranscriptRow = memo(function TranscriptRow({ row }: { row: Row }) {
	const { entry, model, results } = row;
	const resultOf = useCallback<ResultOf>((id) => results.get(id) ?? null, [results]);
	const kind = model?.kind ?? "stored";
	return (
		<article
			className={`row row-${kind} ${row.isOnBranch ? "" : "row-aside"}`}
			aria-label={labelOf(model, entry.columns.role)}
			data-row={row.key}
			data-entry={entry.entryId}
		>
			{model ? <EntryBody model={model} resultOf={resultOf} /> : <StoredEntry entry={entry} resultOf={resultOf} />}
		</article>
	);
});

/** What an entry says, by its kind. */
export function EntryBody({ model, resultOf }: { model: EntryModel; resultOf: ResultOf }) {
	switch (model.kind) {
		case "user":
			return <PlainParts parts={model.parts} />;
		case "assistant":
			return <Answer model={model} resultOf={resultOf} />;
		case "toolResult":
			return <LoneResult result={model.result} />;
		case "bash":
			return <BashRun model={model} />;
		case "summary":
			return <Summary model={model} />;
		case "custom":
			return (
				<>
					<p className="row-name quiet" dir="auto">
						{plainText(model.name)}
					</p>
					<MarkdownParts parts={model.parts} />
				</>
			);
		case "folded":
			return <Fold summary={<span className="fold-name">{model.title}</span>}>{() => <LongText text={model.text} />}</Fold>;
		case "note":
			return (
				<p className="note quiet" dir="auto">
					{plainText(model.text)}
				</p>
			);
		case "unknown":
			return <RawJson title={`Entry of type ${plainText(model.type)}`} json={model.json} />;
		default:
			return model satisfies never;
	}
}

function Answer({ model, resultOf }: { model: Extract<EntryModel, { kind: "assistant" }>; resultOf: ResultOf }) {
	return (
		<>
			<AssistantParts parts={model.parts} resultOf={resultOf} />
			{model.error && <Notice kind="error">{plainText(model.error)}</Notice>}
			{model.aborted && <p className="note quiet">Stopped before it was finished.</p>}
		</>
	);
}

function Summary({ model }: { model: Extract<EntryModel, { kind: "summary" }> }) {
	const title = model.of === "compaction" ? "Compacted: what came before is summed up" : "Summary of the branch that was left";
	const size = model.tokensBefore === null ? "" : ` (${shortCount(model.tokensBefore)} tokens before)`;
	return (
		<Fold
			summary={
				<span className="fold-name">
					{title}
					{size}
				</span>
			}
		>
			{() => <Markdown text={model.text} />}
		</Fold>
	);
}

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
		default:
			return undefined;
	}
}
