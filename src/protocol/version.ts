/**
 * Version of everything that crosses the wire: shapes, error codes, limits.
 *
 * History, newest last; a change of any validator in this folder needs a line here (a test hashes them).
 *   1  sessions, entries with forks, streams with deltas, presence, keys.
 *   2  the turn lock.
 *   3  prompts and questions of any terminal; streams that a terminal can replay.
 *   4  sessions of other agents, search; an opened session tells its leaf; a goodbye tells what it leaves.
 */
export const PROTOCOL_VERSION = 4;

/** What `GET <site>/health` calls this backend. */
export const BACKEND_NAME = "pi-opensync";

/** Parts of the backend that a client may rely on; `GET <site>/health` lists them. */
export const FEATURES = [
	"sessions",
	"entries",
	"forks",
	"streams",
	"presence",
	"turnLock",
	"prompts",
	"questions",
	"openSync",
	"search",
] as const;
