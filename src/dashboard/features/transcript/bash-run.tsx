import { firstLine, plainText } from "../../../lib/plain-text.ts";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import type { EntryModel } from "./entry-model.ts";

/** Output up to this many lines stands open. */
const SHORT_LINES = 12;

/** A command that the person ran with `!`. */
export function BashRun({ model }: { model: Extract<EntryModel, { kind: "bash" }> }) {
	const isShort = model.output.split("\n", SHORT_LINES + 1).length <= SHORT_LINES;
	const state = stateOf(model);
	return (
		<div className={`tool tool-${state.name}`}>
			<Fold
				startsOpen={isShort && model.output.trim() !== ""}
				summary={
					<>
						<span className="fold-name">!</span>{" "}
						<bdi className="fold-hint">{firstLine(plainText(model.command), 160)}</bdi>{" "}
						<span className="tool-state">{state.words}</span>
					</>
				}
			>
				{() => (
					<>
						{model.command.includes("\n") && <LongText text={model.command} label="Command" />}
						{model.output === "" ? (
							<p className="quiet">No output.</p>
						) : (
							<LongText text={model.output} keep="end" label="Output" />
						)}
						{model.truncated && <p className="quiet">Pi cut the output.</p>}
						{model.excluded && <p className="quiet">Not shown to the model.</p>}
					</>
				)}
			</Fold>
		</div>
	);
}

function stateOf(model: Extract<EntryModel, { kind: "bash" }>): { name: string; words: string } {
	if (model.cancelled) return { name: "failed", words: "cancelled" };
	if (model.exitCode !== null && model.exitCode !== 0)
		return { name: "failed", words: `exit code ${model.exitCode}` };
	return { name: "done", words: "done" };
}
