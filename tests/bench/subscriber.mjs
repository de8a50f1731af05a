/**
 * A reader in a process of its own: the stock client of npm `convex`, function names, nothing of ours. Prints
 * one line of JSON per finished run: when it saw each token (monotonic clock, ns), gaps it had to read, bytes.
 * Arguments: url, token, session id.
 */
import { ConvexClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { WebSocket } from "ws";

const [url, token, sessionId] = process.argv.slice(2);
const counted = { down: 0, up: 0 };
class CountingSocket extends WebSocket {
	constructor(...args) {
		super(...args);
		this.on("message", (data) => {
			counted.down += data.length;
		});
	}
	send(data, ...rest) {
		counted.up += Buffer.byteLength(data);
		super.send(data, ...rest);
	}
}
const client = new ConvexClient(url, {
	webSocketConstructor: CountingSocket,
	logger: false,
	skipConvexDeploymentUrlCheck: true,
});
client.setAuth(async () => token);
const query = (name) => makeFunctionReference(name);

let run = null;
let stop = () => {};
client.onUpdate(query("streams:current"), { sessionId }, (stream) => {
	if (stream === null) {
		if (run)
			process.stdout.write(
				`${JSON.stringify({ ...run, pending: undefined, bytes: counted.down - run.from })}\n`,
			);
		run = null;
		stop();
		stop = () => {};
		return;
	}
	if (run?.streamId === stream.streamId) return;
	stop();
	run = { streamId: stream.streamId, end: 0, seenAt: {}, gaps: 0, from: counted.down };
	const mine = run;
	stop = client.onUpdate(query("streams:tail"), { streamId: stream.streamId }, (deltas) =>
		take(mine, deltas),
	);
});

async function take(mine, deltas) {
	const at = process.hrtime.bigint().toString();
	if (deltas.length > 0 && deltas[0].start > mine.end) {
		mine.gaps++;
		const missed = await client.query(query("streams:read"), { streamId: mine.streamId, start: mine.end });
		return fold(mine, [...missed, ...deltas], process.hrtime.bigint().toString());
	}
	fold(mine, deltas, at);
}

function fold(mine, deltas, at) {
	for (const { start, end, ops } of deltas) {
		if (end <= mine.end || start > mine.end) continue;
		for (const op of ops.slice(mine.end - start)) {
			if (op[0] !== "t") continue;
			for (const word of op[2].split(" ")) if (word !== "") mine.seenAt[Number.parseInt(word, 36)] ??= at;
		}
		mine.end = end;
	}
}
process.stdout.write('{"ready":true}\n');
