/**
 * The wall between Pi and us (H1, O3). A wrapped handler never throws into Pi, never prints, never makes
 * Pi wait and never answers an event; what goes wrong is handed to `report`. Only a handler wrapped with
 * `within` is waited for, at most for its deadline.
 */
export type Report = (where: string, error: unknown) => void;

export type Guard = {
	/** For events: Pi goes on at once, whatever the handler does. */
	handler<E, C>(
		where: string,
		run: (event: E, ctx: C) => void | Promise<void>,
	): (event: E, ctx: C) => undefined;
	/** For events that Pi may wait for. @param deadlineMs asked when the event comes. */
	within<E, C>(
		where: string,
		deadlineMs: () => number,
		run: (event: E, ctx: C) => Promise<void>,
	): (event: E, ctx: C) => Promise<undefined>;
	/** For an event that Pi waits for and that may be answered: what fails answers nothing. */
	answer<R>(where: string, run: () => Promise<R | undefined>): Promise<R | undefined>;
	/** For work of our own that nobody waits for. */
	background(where: string, run: () => void | Promise<void>): void;
};

export function createGuard(report: Report): Guard {
	const quietly: Report = (where, error) => {
		try {
			report(where, error);
		} catch {
			// Reporting is best effort: a full disk must not reach Pi.
		}
	};
	const background = (where: string, run: () => void | Promise<void>): void => {
		try {
			const result = run();
			if (result) result.catch((error: unknown) => quietly(where, error));
		} catch (error) {
			quietly(where, error);
		}
	};
	return {
		background,
		handler: (where, run) => (event, ctx) => {
			background(where, () => run(event, ctx));
		},
		answer: async (where, run) => {
			try {
				return await run();
			} catch (error) {
				quietly(where, error);
				return undefined;
			}
		},
		within: (where, deadlineMs, run) => async (event, ctx) => {
			let timer: ReturnType<typeof setTimeout> | undefined;
			const deadline = new Promise<void>((resolve) => {
				timer = setTimeout(resolve, deadlineMs());
			});
			const work = (async () => run(event, ctx))().catch((error: unknown) => quietly(where, error));
			await Promise.race([work, deadline]);
			clearTimeout(timer);
		},
	};
}
