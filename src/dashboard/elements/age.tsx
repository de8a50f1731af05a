import { useEffect, useState } from "react";
import { age, nextAgeChange } from "../format.ts";

/** Time since `at` (ms since the epoch), kept current; the full date on hover. */
export function Age({ at }: { at: number }) {
	const [now, setNow] = useState(() => Date.now());
	useEffect(() => {
		let timer: ReturnType<typeof setTimeout>;
		const tick = (): void => {
			setNow(Date.now());
			timer = setTimeout(tick, nextAgeChange(at, Date.now()));
		};
		tick();
		return () => clearTimeout(timer);
	}, [at]);
	const date = new Date(at);
	return (
		<time dateTime={isoOf(date)} title={date.toLocaleString()}>
			{age(at, now)}
		</time>
	);
}

/** An entry's time may be any number; a date that does not exist has no ISO form. */
function isoOf(date: Date): string | undefined {
	return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
