import { useMemo, useRef } from "react";
import { plainText } from "../../../lib/plain-text.ts";
import { useFocusKept } from "../../elements/focus-kept.ts";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import type { AssistantPart, ToolResult } from "./entry-model.ts";
import { useIsRunning, useLiveTool } from "./live-context.ts";
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
	const mayCome = useIsRunning();
	const state = stateOf(result, running, isLive, mayCome);
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
				<RunningOutput toolName={call.toolName} output={running.output} />
			)}
		</div>
	);
}

function RunningOutput({ toolName, output }: { toolName: string; output: string }) {
	const box = useRef<HTMLDivElement>(null);
	useFocusKept(box);
	return (
		<div ref={box} className="tool-running" role="log" aria-label={`Output of ${plainText(toolName)}`}>
			<LongText text={output} keep="end" label="Output" />
		</div>
	);
}

function stateOf(
	result: ToolResult | null,
	running: { ended: boolean; isError: boolean } | null,
	isLive: boolean,
	mayCome: boolean,
): { name: "done" | "failed" | "running" | "open"; words: string } {
	const ended = result ?? (running?.ended ? running : null);
	if (ended) return ended.isError ? { name: "failed", words: "failed" } : { name: "done", words: "done" };
	if (running) return { name: "running", words: "running…" };
	if (isLive) return { name: "open", words: "…" };
	return { name: "open", words: mayCome ? "no result yet" : "no result here" };
}
