import { useEffect, useState } from "react";
import { age, nextAgeChange } from "../format.ts";

type Props = {
	at: number;
	/** In other words than the mere time. */
	say?: typeof age;
};

/** Time since `at` (ms since the epoch), kept current; the full date on hover. */
export function Age({ at, say = age }: Props) {
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
			{say(at, now)}
		</time>
	);
}

/** An entry's time may be any number; a date that does not exist has no ISO form. */
function isoOf(date: Date): string | undefined {
	return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
