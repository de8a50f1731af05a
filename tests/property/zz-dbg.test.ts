import { test } from "bun:test";
import fc from "fast-check";
test("x", async () => {
	const { World, together } = await import("./hand-over.test.ts") as any;
	for (const hs of fc.sample(fc.array(together, { maxLength: 25, minLength: 15 }), { numRuns: 3, seed: 5 }) as any[]) {
		const w = await World.begin(2);
		for (const h of hs) { await w.do(h); }
		console.log(JSON.stringify(hs));
		console.log(w.said(), w.terminals.map((t: any) => [t.session.isRunning, t.session.isStreaming, t.editor, t.told, t.log, t.shared.state.lock.kind]));
		await w.end();
		console.log("end", w.said(), w.terminals.map((t: any) => [t.session.isRunning, t.editor, t.told, t.log, t.screen.rows.map((r: any) => r.kind + ":" + r.text).join(" / "), t.session.contexts.length]));
		await w.close();
	}
});
