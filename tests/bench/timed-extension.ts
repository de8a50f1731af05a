/** Our extension with a clock around each of its handlers; writes `{event, us}` lines to BENCH_HANDLERS. */
import { writeFileSync } from "node:fs";
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";
import opensync from "../../src/extension/index.ts";

export default function timedExtension(pi: ExtensionAPI): void {
	const times: string[] = [];
	const timed = new Proxy(pi, {
		get(target, name) {
			if (name !== "on") return Reflect.get(target, name);
			return (event: string, handler: (event: unknown, ctx: unknown) => unknown) =>
				(target.on as (event: string, handler: unknown) => unknown)(event, (value: unknown, ctx: unknown) => {
					const started = process.hrtime.bigint();
					const result = handler(value, ctx);
					// Pi waits for what a handler gives back; when that is a promise, for that too.
					const done = () =>
						times.push(`{"event":"${event}","us":${Number(process.hrtime.bigint() - started) / 1000}}`);
					if (result instanceof Promise) return result.finally(done);
					done();
					return result;
				});
		},
	});
	opensync(timed);
	pi.on("session_shutdown", () => writeFileSync(process.env.BENCH_HANDLERS ?? "/dev/null", times.join("\n")));
}
