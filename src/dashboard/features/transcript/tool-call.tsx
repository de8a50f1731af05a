import { useMemo } from "react";
import { plainText } from "../../../lib/plain-text.ts";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import type { AssistantPart, ToolResult } from "./entry-model.ts";
import { useLiveTool } from "./live-context.ts";
import { callHint } from "./tool-hint.ts";
import { PlainResult } from "./tool-result.tsx";

type Props = {
	call: Extract<AssistantPart, { kind: "toolCall" }>;
	/** The result entry, once it stands. */
	result: ToolResult | null;
	isLive: boolean;
};

/** A tool call and what came of it, folded to one line. While the tool runs its output is shown as it comes. */
export function ToolCall({ call, result, isLive }: Props) {
	const running = useLiveTool(result ? null : call.toolCallId);
	const state = stateOf(result, running, isLive);
	const hint = useMemo(() => callHint(call.toolName, call.args), [call.toolName, call.args]);
	return (
		<div className={`tool tool-${state.name}`}>
			<Fold
				name={`tool ${call.toolCallId}`}
				summary={
					<>
						<span className="fold-name">{plainText(call.toolName)}</span>{" "}
						<bdi className="fold-hint">{hint}</bdi> <span className="tool-state">{state.words}</span>
					</>
				}
			>
				{() => (
					<>
						<LongText text={call.args} label="Arguments" />
						{result && <PlainResult result={result} />}
					</>
				)}
			</Fold>
			{!result && running && running.output !== "" && (
				<div className="tool-running" role="log" aria-label={`Output of ${call.toolName}`}>
					<LongText text={running.output} keep="end" />
				</div>
			)}
		</div>
	);
}

function stateOf(
	result: ToolResult | null,
	running: { ended: boolean; isError: boolean } | null,
	isLive: boolean,
): { name: "done" | "failed" | "running" | "open"; words: string } {
	const ended = result ?? (running?.ended ? running : null);
	if (ended) return ended.isError ? { name: "failed", words: "failed" } : { name: "done", words: "done" };
	if (running) return { name: "running", words: "running…" };
	return isLive ? { name: "open", words: "…" } : { name: "open", words: "no result here" };
}
