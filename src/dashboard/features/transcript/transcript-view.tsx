import { Fragment, type RefObject, useEffect, useMemo, useState } from "react";
import type { SessionView } from "../../../protocol/session.ts";
import { agentName } from "../../agent-name.ts";
import type { LineageView } from "../../api.ts";
import { type KnownFolds, OpenFolds, StartsOpen } from "../../elements/fold.tsx";
import { Notice } from "../../elements/notice.tsx";
import { counted } from "../../format.ts";
import type { EntryLog } from "./entry-log.ts";
import { ForkMark } from "./fork-links.tsx";
import { forkPlaces } from "./fork-places.ts";
import { LiveAnswer } from "./live-answer.tsx";
import { LiveContext } from "./live-context.ts";
import { TranscriptRow } from "./transcript-row.tsx";
import type { Row } from "./transcript-rows.ts";
import { useInView } from "./use-in-view.ts";
import { useLiveStream } from "./use-live-stream.ts";
import type { SessionState } from "./use-session.ts";
import { leafToSeek, type Target, useTarget } from "./use-target.ts";
import { type Transcript, useTranscript } from "./use-transcript.ts";

/** Fewer rows than this do not fill a screen: older ones are loaded without asking. */
const FEW_ROWS = 20;

type Props = {
	session: SessionView;
	log: EntryLog;
	state: SessionState;
	lineage: LineageView | undefined;
	holdPlace: () => void;
	place: Place;
};

/** Where the address wants to be. */
type Place = {
	entryId: string | undefined;
	/** What is folded there stands open. */
	unfold: boolean;
	showRow: (key: string) => void;
	scroller: RefObject<HTMLElement | null>;
};

/** The branch of the session with the running answer at its end. */
export function TranscriptView({ session, log, state, lineage, holdPlace, place }: Props) {
	const transcript = useTranscript(log, session);
	const { live, view } = useLiveStream(state.stream);
	const [openFolds] = useState<KnownFolds>(() => ({ open: new Set(), focused: null }));
	const places = useMemo(() => forkPlaces(session, lineage), [session, lineage]);
	useFill(log, transcript, state, holdPlace);
	useInView(place.scroller, transcript.rows, log.entries, state.tellInView);
	const target = useTarget(place.entryId, log, state);
	const mayLook = target.kind !== "seeking";
	const leaf = useTarget(mayLook ? leafToSeek(session, log) : undefined, log, state);
	const targetKey = useTargetRow(target, transcript, place.showRow);
	const isEmpty = transcript.rows.length === 0 && !view && log.cursor === null;
	return (
		<LiveContext value={live}>
			<OpenFolds value={openFolds}>
				<OlderRows log={log} state={state} holdPlace={holdPlace} />
				<OtherBranches transcript={transcript} />
				{state.olderFailure === null && <TargetState target={target} />}
				{state.olderFailure === null && <LeafState leaf={leaf} />}
				{isEmpty && <p className="quiet list-end">Nothing has been said in this session yet.</p>}
				<div>
					<div role="feed" aria-label="Transcript" aria-busy={state.isLoadingOlder}>
						{transcript.rows.map((row) => (
							<Fragment key={row.key === targetKey ? `${row.key} at ${place.entryId}` : row.key}>
								<StartsOpen value={place.unfold && row.key === targetKey}>
									<TranscriptRow row={row} isTarget={row.key === targetKey} />
								</StartsOpen>
								{places.has(row.entry.entryId) && <Marks places={places} entryId={row.entry.entryId} />}
							</Fragment>
						))}
					</div>
					{view && <LiveAnswer view={view} shownCalls={transcript.shownCalls} />}
					{session.status === "running" && (
						<p className="note quiet">{agentName(session.source)} is working…</p>
					)}
				</div>
			</OpenFolds>
		</LiveContext>
	);
}

/** The row in which the target is drawn, brought into view once; on another branch all branches are shown. */
function useTargetRow(
	target: Target,
	{ rows, othersCount, showsOthers, setShowsOthers }: Transcript,
	showRow: (key: string) => void,
): string | null {
	const entryId = target.kind === "here" ? target.entryId : null;
	const key = useMemo(() => {
		const isDrawnIn = ({ entry, holds }: Row) => entry.entryId === entryId || holds.includes(entryId ?? "");
		return entryId === null ? null : (rows.findLast(isDrawnIn)?.key ?? null);
	}, [rows, entryId]);
	useEffect(() => {
		if (entryId !== null && key === null && othersCount > 0 && !showsOthers) setShowsOthers(true);
	}, [entryId, key, othersCount, showsOthers, setShowsOthers]);
	// biome-ignore lint/correctness/useExhaustiveDependencies: two entries may be drawn in one row
	useEffect(() => {
		if (key !== null) showRow(key);
	}, [key, entryId, showRow]);
	return key;
}

/** What stands in the way of the entry that was asked for. */
function TargetState({ target }: { target: Target }) {
	if (target.kind === "seeking") {
		return (
			<p className="seeking quiet" role="status">
				<span className="spinner" aria-hidden="true" /> Looking for the entry…
			</p>
		);
	}
	if (target.kind === "missing") {
		return <Notice kind="plain">The entry that this link leads to is not in this session any more.</Notice>;
	}
	if (target.kind !== "far") return null;
	return (
		<Notice kind="plain">
			The entry that this link leads to is further back.{" "}
			<button type="button" onClick={target.goOn}>
				Look on
			</button>
		</Notice>
	);
}

/** Until the entry at which the session stands is here, the newest branch is shown in its place. */
function LeafState({ leaf }: { leaf: Target }) {
	if (leaf.kind === "seeking") {
		return (
			<p className="seeking quiet" role="status">
				<span className="spinner" aria-hidden="true" /> Looking for where the session stands…
			</p>
		);
	}
	if (leaf.kind !== "far") return null;
	return (
		<Notice kind="plain">
			The session stands further back, and this is another branch of it.{" "}
			<button type="button" onClick={leaf.goOn}>
				Look on
			</button>
		</Notice>
	);
}

/** Loads on while the branch is short and not whole, such as after a move to an older entry. */
function useFill(log: EntryLog, transcript: Transcript, state: SessionState, holdPlace: () => void): void {
	const wants = log.cursor !== null && !transcript.branch.isWhole && transcript.rows.length < FEW_ROWS;
	const { isLoadingOlder, olderFailure, loadOlder } = state;
	useEffect(() => {
		if (wants && !isLoadingOlder && olderFailure === null) loadOlder(holdPlace);
	}, [wants, isLoadingOlder, olderFailure, loadOlder, holdPlace]);
}

function OlderRows({ log, state, holdPlace }: { log: EntryLog; state: SessionState; holdPlace: () => void }) {
	if (log.cursor === null) return null;
	return (
		<div className="older">
			{state.olderFailure && (
				<Notice kind="error">Older entries could not be loaded: {state.olderFailure}</Notice>
			)}
			<button type="button" disabled={state.isLoadingOlder} onClick={() => state.loadOlder(holdPlace)}>
				{state.isLoadingOlder ? "Loading…" : "Load older"}
			</button>
		</div>
	);
}

function OtherBranches({ transcript }: { transcript: Transcript }) {
	const { othersCount, showsOthers, setShowsOthers } = transcript;
	if (othersCount === 0) return null;
	return (
		<label className="others">
			<input
				type="checkbox"
				checked={showsOthers}
				onChange={(event) => setShowsOthers(event.target.checked)}
			/>
			Show {counted(othersCount, "entry", "entries")} on other branches
		</label>
	);
}

function Marks({ places, entryId }: { places: ReturnType<typeof forkPlaces>; entryId: string }) {
	const place = places.get(entryId);
	if (!place) return null;
	return (
		<>
			<ForkMark kind="from" sessions={place.from} />
			<ForkMark kind="to" sessions={place.to} />
		</>
	);
}
