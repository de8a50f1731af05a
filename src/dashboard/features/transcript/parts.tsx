import { firstLine, plainText } from "../../../lib/plain-text.ts";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import { Markdown } from "../../elements/markdown.tsx";
import { RawJson } from "../../elements/raw-json.tsx";
import type { AssistantPart, ContentPart } from "./entry-model.ts";
import { ToolCall } from "./tool-call.tsx";
import { LoneResult } from "./tool-result.tsx";
import type { ResultOf } from "./transcript-rows.ts";

/** What a person typed, or another place where text stands as it is. */
export function PlainParts({ parts, resultOf }: { parts: readonly AssistantPart[]; resultOf: ResultOf }) {
	return parts.map((part, index) => {
		const key = keyOf(part.kind, index);
		if (part.kind === "text" || part.kind === "image" || part.kind === "other")
			return <PlainPart key={key} part={part} />;
		return <Part key={key} part={part} resultOf={resultOf} isLive={false} isGrowing={false} />;
	});
}

function PlainPart({ part }: { part: ContentPart }) {
	if (part.kind === "image") return <img className="picture" src={part.url} alt="Attached to the message" />;
	if (part.kind === "other") return <RawJson title="Content of another kind" json={part.json} />;
	return part.text.length > 5000 ? (
		<LongText text={part.text} />
	) : (
		<p className="plain-text" dir="auto">
			{plainText(part.text)}
		</p>
	);
}

/** Text that is markdown. */
export function MarkdownParts({ parts }: { parts: readonly ContentPart[] }) {
	return parts.map((part, index) =>
		part.kind === "text" ? (
			<Markdown key={keyOf(part.kind, index)} text={part.text} />
		) : (
			<PlainPart key={keyOf(part.kind, index)} part={part} />
		),
	);
}

type AssistantPartsProps = {
	parts: readonly AssistantPart[];
	resultOf: ResultOf;
	/** True while the answer is being said: thinking at its end stands open. */
	isLive?: boolean;
};

/** An answer: the same for one that stands and one that grows, so that the one can replace the other unseen. */
export function AssistantParts({ parts, resultOf, isLive = false }: AssistantPartsProps) {
	return parts.map((part, index) => (
		<Part
			key={keyOf(part.kind, index)}
			part={part}
			resultOf={resultOf}
			isLive={isLive}
			isGrowing={isLive && index === parts.length - 1}
		/>
	));
}

type PartProps = { part: AssistantPart; resultOf: ResultOf; isLive: boolean; isGrowing: boolean };

function Part({ part, resultOf, isLive, isGrowing }: PartProps) {
	switch (part.kind) {
		case "text":
			return part.text.trim() === "" ? null : <Markdown text={part.text} isGrowing={isGrowing} />;
		case "thinking":
			return <Thinking text={part.text} redacted={part.redacted} isGrowing={isGrowing} />;
		case "toolCall":
			return <ToolCall call={part} result={resultOf(part.toolCallId)} isLive={isLive} />;
		case "toolResult":
			return <LoneResult result={part.result} />;
		case "posted":
			return <RawJson title={plainText(part.title)} json={part.json} />;
		default:
			return <PlainPart part={part} />;
	}
}

/** Enough of a thought to know it again when its entry takes the place of the running answer. */
const NAME_CHARS = 40;

function Thinking({ text, redacted, isGrowing }: { text: string; redacted: boolean; isGrowing: boolean }) {
	if (redacted) return <p className="quiet">Thinking hidden by the provider.</p>;
	if (text.trim() === "") return null;
	const hint = firstLine(plainText(isGrowing ? lastLine(text) : text).replace(/[*_#`]/g, ""), 90);
	return (
		<Fold
			className="thinking"
			name={`thinking ${text.slice(0, NAME_CHARS)}`}
			summary={
				<>
					<span className="fold-name">{isGrowing ? "Thinking…" : "Thinking"}</span>{" "}
					<bdi className="fold-hint">{hint}</bdi>
				</>
			}
		>
			{() => <Markdown text={text} isGrowing={isGrowing} />}
		</Fold>
	);
}

function lastLine(text: string): string {
	const trimmed = text.trimEnd();
	return trimmed.slice(trimmed.lastIndexOf("\n") + 1);
}

/** Content never moves within its entry, so the place is an identity. */
function keyOf(kind: string, index: number): string {
	return `${kind}-${index}`;
}
