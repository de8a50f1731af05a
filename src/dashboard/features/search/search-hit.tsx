import { plainText } from "../../../lib/plain-text.ts";
import type { PassageKind, SearchHit } from "../../../protocol/search.ts";
import { Age } from "../../elements/age.tsx";
import { AgentLabel } from "../../elements/agent-label.tsx";
import { Said } from "../../elements/said.tsx";
import { routeHref } from "../../route.ts";
import { sessionTitle } from "../../session-title.ts";
import { snippetPieces } from "./snippet-pieces.ts";

export const KIND_WORDS: Record<PassageKind, string> = {
	prompt: "Prompt",
	answer: "Answer",
	thinking: "Thinking",
	tool: "Tool",
	summary: "Summary",
	title: "Title",
};

/** What is folded in a transcript is opened for who comes to read it. */
const FOLDED: readonly PassageKind[] = ["thinking", "tool", "summary"];

/** Where a hit leads. */
export function hitHref({ sessionId, entryId, kind }: SearchHit): string {
	return routeHref({ kind: "session", sessionId, entryId, unfold: FOLDED.includes(kind) });
}

/** One hit: the words in their place, and where that is. Leads to the entry. */
export function Hit({ hit }: { hit: SearchHit }) {
	return (
		<li>
			<a className="hit" href={hitHref(hit)} data-hit={hit.entryId}>
				<span className="hit-line">
					<span className="hit-title" dir="auto">
						{sessionTitle(hit)}
					</span>
					<span className="hit-age quiet">
						<Age at={hit.timestamp} />
					</span>
				</span>
				<span className="hit-text" dir="auto">
					{snippetPieces(hit.snippet).map((piece, at) =>
						piece.isMatch ? (
							// biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text never move
							<mark key={at}>{piece.text}</mark>
						) : (
							piece.text
						),
					)}
				</span>
				<span className="hit-about quiet">
					<span className="hit-kind">{KIND_WORDS[hit.kind] ?? plainText(hit.kind)}</span>
					<AgentLabel source={hit.source} />
					<Said text={hit.projectName} title={hit.projectPath} />
				</span>
			</a>
		</li>
	);
}
