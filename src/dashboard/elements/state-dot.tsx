import type { SessionStatus } from "../../protocol/session.ts";

const WORDS: Record<SessionStatus, string> = {
	idle: "idle",
	running: "running",
	waiting: "waiting for you",
	ended: "ended",
};

/** A session's state as a coloured dot, and as a word for who cannot see it. */
export function StateDot({ status }: { status: SessionStatus }) {
	return (
		<span className="dot-box" title={WORDS[status]}>
			<span className={`dot dot-${status}`} aria-hidden="true" />
			<span className="unseen">{WORDS[status]}</span>
		</span>
	);
}
