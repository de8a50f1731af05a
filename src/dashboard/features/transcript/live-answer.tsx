import { memo, useMemo, useRef } from "react";
import { plainText } from "../../../lib/plain-text.ts";
import type { LiveMessage, LiveTool, LiveView } from "../../../session/fold.ts";
import { useFocusKept } from "../../elements/focus-kept.ts";
import type { AssistantPart } from "./entry-model.ts";
import { AssistantParts } from "./parts.tsx";
import { ToolCall } from "./tool-call.tsx";

type Props = {
	view: LiveView;
	/** Calls in entries that are shown: their tools are drawn there. */
	shownCalls: ReadonlySet<string>;
};

/** What the run says before its entries stand. */
export function LiveAnswer({ view, shownCalls }: Props) {
	const said = new Set(view.messages.flatMap(callsOf));
	const lone = view.tools.filter((tool) => !shownCalls.has(tool.toolCallId) && !said.has(tool.toolCallId));
	return (
		<section className="live" aria-label="Running answer" data-live="true">
			{view.messages.map((message) => (
				<Growing key={message.start} message={message} />
			))}
			{lone.map((tool) => (
				<LoneTool key={tool.toolCallId} tool={tool} />
			))}
			{view.note && (
				<p className="note quiet" dir="auto">
					{plainText(view.note)}
				</p>
			)}
		</section>
	);
}

const noResult = (): null => null;

const Growing = memo(function Growing({ message }: { message: LiveMessage }) {
	const parts = useMemo(() => partsOf(message), [message]);
	const article = useRef<HTMLElement>(null);
	useFocusKept(article);
	return (
		<article ref={article} className="row row-assistant" aria-label="Assistant, answering">
			<AssistantParts parts={parts} resultOf={noResult} isLive />
		</article>
	);
});

/** A tool whose call is on no row that is loaded. */
function LoneTool({ tool }: { tool: LiveTool }) {
	const { toolCallId, toolName, args } = tool;
	return (
		<article className="row row-assistant">
			<ToolCall call={{ kind: "toolCall", toolCallId, toolName, args }} result={null} isLive />
		</article>
	);
}

/** A growing message in the form of one that stands. */
export function partsOf(message: LiveMessage): AssistantPart[] {
	return message.blocks.map((block) => {
		if (block === null) return { kind: "text", text: "" };
		return block.kind === "thinking" ? { ...block, redacted: false } : block;
	});
}

function callsOf(message: LiveMessage): string[] {
	return message.blocks.flatMap((block) => (block?.kind === "toolCall" ? [block.toolCallId] : []));
}
