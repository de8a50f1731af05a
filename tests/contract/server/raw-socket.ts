/** A sync socket without a client on top: sends any frame, and gives what comes back one by one. */
export type Frame = { type: string; [field: string]: unknown };
export type Version = { querySet: number; identity: number; ts: string };
export type TransitionFrame = Frame & {
	startVersion: Version;
	endVersion: Version;
	modifications: ({ type: string; queryId: number } & Record<string, unknown>)[];
};
export type RawSocket = Awaited<ReturnType<typeof openRawSocket>>;

export async function openRawSocket(
	url: string,
	options: { headers?: Record<string, string>; path?: string } = {},
) {
	const address = `${url.replace(/^http/, "ws")}${options.path ?? "/api/1.48.0/sync"}`;
	const ws = new WebSocket(address, { headers: options.headers ?? {} } as unknown as string[]);
	const frames: Frame[] = [];
	const waiting: ((frame: Frame | null) => void)[] = [];
	let ended: { code: number; reason: string } | null = null;
	const closed = new Promise<{ code: number; reason: string }>((resolve) => {
		ws.onclose = ({ code, reason }) => {
			ended = { code, reason };
			for (const wake of waiting.splice(0)) wake(null);
			resolve(ended);
		};
	});
	ws.onmessage = ({ data }) => {
		const frame = JSON.parse(String(data)) as Frame;
		const wake = waiting.shift();
		if (wake) wake(frame);
		else frames.push(frame);
	};
	await new Promise<void>((resolve, reject) => {
		ws.onopen = () => resolve();
		ws.onerror = () => reject(new Error("the socket was refused"));
	});
	/** The next frame; null when the socket is closed. */
	async function next(): Promise<Frame | null> {
		const frame = frames.shift();
		if (frame) return frame;
		if (ended) return null;
		return await new Promise((resolve) => waiting.push(resolve));
	}
	return {
		ws,
		closed,
		next,
		/** Frames that have arrived and were not taken. */
		frames,
		send: (message: unknown) => ws.send(typeof message === "string" ? message : JSON.stringify(message)),
		/** Skips to the next frame of that type. */
		async nextOf(type: string): Promise<Frame> {
			for (;;) {
				const frame = await next();
				if (frame === null) throw new Error(`the socket closed before a ${type}: ${JSON.stringify(ended)}`);
				if (frame.type === type) return frame;
			}
		},
		close: () => ws.close(),
	};
}

export const connect = (more: Record<string, unknown> = {}) => ({
	type: "Connect",
	sessionId: crypto.randomUUID(),
	connectionCount: 0,
	lastCloseReason: "InitialConnect",
	clientTs: 0,
	...more,
});

export const add = (queryId: number, udfPath: string, args: unknown) => ({
	type: "Add",
	queryId,
	udfPath,
	args: [args],
});
export const remove = (queryId: number) => ({ type: "Remove", queryId });
export const modify = (baseVersion: number, modifications: unknown[]) => ({
	type: "ModifyQuerySet",
	baseVersion,
	newVersion: baseVersion + 1,
	modifications,
});
export const mutate = (requestId: number, udfPath: string, args: unknown) => ({
	type: "Mutation",
	requestId,
	udfPath,
	args: [args],
});

/** Nanoseconds of a timestamp on the wire. */
export const ns = (ts: unknown): bigint => Buffer.from(String(ts), "base64").readBigUInt64LE();
