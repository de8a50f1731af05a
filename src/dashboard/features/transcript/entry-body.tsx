import { plainText } from "../../../lib/plain-text.ts";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import { Markdown } from "../../elements/markdown.tsx";
import { Notice } from "../../elements/notice.tsx";
import { RawJson } from "../../elements/raw-json.tsx";
import { shortCount } from "../../format.ts";
import { BashRun } from "./bash-run.tsx";
import type { EntryModel } from "./entry-model.ts";
import { AssistantParts, MarkdownParts, PlainParts } from "./parts.tsx";
import { LoneResult } from "./tool-result.tsx";
import type { ResultOf } from "./transcript-rows.ts";

/** What an entry says, by its kind. */
export function EntryBody({ model, resultOf }: { model: EntryModel; resultOf: ResultOf }) {
	switch (model.kind) {
		case "user":
			return model.parts.length === 0 ? <Nothing /> : <PlainParts parts={model.parts} resultOf={resultOf} />;
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
			return (
				<Fold summary={<span className="fold-name">{model.title}</span>}>
					{() => <LongText text={model.text} />}
				</Fold>
			);
		case "system":
			return (
				<>
					<p className="row-name quiet">System</p>
					<AssistantParts parts={model.parts} resultOf={resultOf} />
				</>
			);
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

function Answer({
	model,
	resultOf,
}: {
	model: Extract<EntryModel, { kind: "assistant" }>;
	resultOf: ResultOf;
}) {
	return (
		<>
			<AssistantParts parts={model.parts} resultOf={resultOf} />
			{model.parts.length === 0 && !model.error && !model.aborted && <Nothing />}
			{model.error && <Notice kind="error">{plainText(model.error)}</Notice>}
			{model.aborted && <p className="note quiet">Stopped before it was finished.</p>}
		</>
	);
}

/** A message that holds nothing: said, for a blank row would look like a fault. */
function Nothing() {
	return <p className="note quiet">An empty message.</p>;
}

function Summary({ model }: { model: Extract<EntryModel, { kind: "summary" }> }) {
	const title =
		model.of === "compaction"
			? "Compacted: what came before is summed up"
			: "Summary of the branch that was left";
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
