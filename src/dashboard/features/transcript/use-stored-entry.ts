import { useConvex } from "convex/react";
import { useCallback, useState } from "react";
import type { EntryView } from "../../../protocol/entry.ts";
import { fileOf } from "../connection/address.ts";
import { type EntryModel, readEntry } from "./entry-model.ts";

export type StoredState =
	| { kind: "waiting" }
	| { kind: "loading" }
	| { kind: "loaded"; model: EntryModel }
	| { kind: "failed"; reason: string };

/** Fetches the JSON of an entry from where it is stored, once `load` is called. */
export function useStoredEntry(entry: EntryView): { state: StoredState; load: () => void } {
	const [state, setState] = useState<StoredState>({ kind: "waiting" });
	const { url: api } = useConvex();
	const load = useCallback(() => {
		setState({ kind: "loading" });
		fetchEntry(entry, api).then(setState);
	}, [entry, api]);
	return { state, load };
}

async function fetchEntry(entry: EntryView, api: string): Promise<StoredState> {
	if (entry.url === null)
		return { kind: "failed", reason: "The file of this entry is gone from the backend." };
	try {
		const response = await fetch(fileOf(api, entry.url));
		if (!response.ok)
			return { kind: "failed", reason: `The backend answered with status ${response.status}: try again.` };
		return { kind: "loaded", model: readEntry(await response.text(), entry.type) };
	} catch {
		return {
			kind: "failed",
			reason: "The file of this entry could not be fetched: try again when the backend answers.",
		};
	}
}
