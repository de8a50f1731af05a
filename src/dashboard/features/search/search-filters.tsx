import { useId } from "react";
import { SOURCE_LABELS } from "../../../protocol/opensync.ts";
import { agentName } from "../../agent-name.ts";
import { PASSAGE_KINDS } from "../../route.ts";
import { KIND_WORDS } from "./search-hit.tsx";
import type { Asked } from "./use-search.ts";

type Props = {
	asked: Asked;
	onChange: (asked: Asked) => void;
	/** Agents that are among the hits, besides those that everybody knows. */
	seen: readonly string[];
};

/** By agent and by what is searched. */
export function SearchFilters({ asked, onChange, seen }: Props) {
	const agentId = useId();
	const kindId = useId();
	const named = asked.source === null ? [] : [asked.source];
	const sources = [...new Set([...Object.keys(SOURCE_LABELS), ...seen, ...named])];
	return (
		<div className="search-filters">
			<label htmlFor={agentId} className="unseen">
				Agent
			</label>
			<select
				id={agentId}
				value={asked.source ?? ""}
				onChange={(event) => onChange({ ...asked, source: event.target.value || null })}
			>
				<option value="">All agents</option>
				{sources.map((source) => (
					<option key={source} value={source}>
						{agentName(source)}
					</option>
				))}
			</select>
			<label htmlFor={kindId} className="unseen">
				Kind
			</label>
			<select
				id={kindId}
				value={asked.of ?? ""}
				onChange={(event) =>
					onChange({ ...asked, of: PASSAGE_KINDS.find((kind) => kind === event.target.value) ?? null })
				}
			>
				<option value="">Everything</option>
				{PASSAGE_KINDS.map((kind) => (
					<option key={kind} value={kind}>
						{KIND_WORDS[kind]}
					</option>
				))}
			</select>
		</div>
	);
}
