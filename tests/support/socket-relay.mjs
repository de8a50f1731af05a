/**
 * Brings a loopback port of the test into another network namespace, through a file-system socket that does
 * not care about networks: `node socket-relay.mjs PORT SOCKET` listens on 127.0.0.1:PORT there.
 */
import { connect, createServer } from "node:net";

const [port, path] = process.argv.slice(2);
const server = createServer((from) => {
	const to = connect(path);
	for (const socket of [from, to]) socket.on("error", () => {});
	from.on("close", () => to.destroy());
	to.on("close", () => from.destroy());
	from.pipe(to).pipe(from);
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
