import { firstLine, plainText } from "../../../lib/plain-text.ts";
import { Fold } from "../../elements/fold.tsx";
import { LongText } from "../../elements/long-text.tsx";
import { RawJson } from "../../elements/raw-json.tsx";
import type { ToolResult } from "./entry-model.ts";

/** What a tool gave back. */
export function PlainResult({ result }: { result: ToolResult }) {
	if (result.parts.length === 0) return <p className="quiet">The tool gave nothing back.</p>;
	return result.parts.map((part, index) => {
		const key = `${part.kind}-${index}`;
		if (part.kind === "text") return <LongText key={key} text={part.text} label="Result" />;
		if (part.kind === "image")
			return <img key={key} className="picture" src={part.url} alt="Given back by the tool" />;
		return <RawJson key={key} title="Content of another kind" json={part.json} />;
	});
}

/** A result whose call is not among the rows shown. */
export function LoneResult({ result }: { result: ToolResult }) {
	const said = result.parts.find((part) => part.kind === "text");
	return (
		<div className={`tool tool-${result.isError ? "failed" : "done"}`}>
			<Fold
				summary={
					<>
						<span className="fold-name">{plainText(result.toolName)}</span>{" "}
						<bdi className="fold-hint">{said ? firstLine(plainText(said.text), 160) : ""}</bdi>{" "}
						<span className="tool-state">{result.isError ? "failed" : "done"}</span>
					</>
				}
			>
				{() => <PlainResult result={result} />}
			</Fold>
		</div>
	);
}
