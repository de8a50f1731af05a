/** What is closed waits for no answer: a request under way would keep the process for its whole deadline. */
import { afterEach, beforeEach, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConvexBackend } from "../../../src/backend/convex-backend.ts";
import { DEFAULTS } from "../../../src/config/options.ts";
import { DestinationProbe } from "../../../src/extension/destination-probe.ts";
import { startRecording } from "../../../src/extension/recording.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { FakeSession } from "../../support/fake-session.ts";

const KEY = "osk_abcdefghijklmnop";
/** Below every deadline that a request has. */
const SOON = 4_000;

let server: Server;
let url: string;
let asked: Promise<void>;
let givenUp: Promise<void>;
let folder: string;
const before = process.env.XDG_DATA_HOME;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "opensync-giving-up-"));
	process.env.XDG_DATA_HOME = folder;
	const isAsked = Promise.withResolvers<void>();
	const isGivenUp = Promise.withResolvers<void>();
	[asked, givenUp] = [isAsked.promise, isGivenUp.promise];
	server = createServer((socket) => {
		socket.on("error", () => {});
		socket.on("data", () => isAsked.resolve());
		socket.on("close", () => isGivenUp.resolve());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
	process.env.XDG_DATA_HOME = before;
	server.close();
	rmSync(folder, { recursive: true, force: true });
});

test(
	"a backend that is closed gives up the request for its token",
	async () => {
		const backend = createConvexBackend({ convexUrl: url, siteUrl: url, apiKey: KEY });
		await asked;
		await backend.close();
		await givenUp;
	},
	SOON,
);

test(
	"a record that is stopped gives up the post under way",
	async () => {
		const session = new FakeSession();
		session.user("a prompt");
		const recording = await startRecording({
			settings: { ...DEFAULTS, redaction: "off" },
			thinking: false,
			targets: [{ siteUrl: url, apiKey: KEY }],
			source: session,
			file: null,
			cwd: "/p",
			clock: systemClock,
			log: () => {},
		});
		await asked;
		recording.stop();
		await Promise.all(recording.records.map((record) => record.dispose()));
		await givenUp;
	},
	SOON,
);

test(
	"a question to an address is given up with who asked it",
	async () => {
		const settings = { ...DEFAULTS, convexUrl: url, siteUrl: url, apiKey: KEY };
		const probe = new DestinationProbe(settings, systemClock, () => {});
		const looked = probe.look();
		await asked;
		probe.stop();
		await looked;
		await givenUp;
	},
	SOON,
);
