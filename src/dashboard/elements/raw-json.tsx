import { Fold } from "./fold.tsx";
import { LongText } from "./long-text.tsx";

/** What the page has no own form for: one quiet line that opens to the JSON. */
export function RawJson({ title, json }: { title: string; json: string }) {
	return (
		<Fold className="raw" summary={<bdi>{title}</bdi>}>
			{() => <LongText text={json} label="Raw JSON" />}
		</Fold>
	);
}
