/** Functions that only stories call, deployed beside the app's own on the engine. */
import { internalMutationGeneric, internalQueryGeneric } from "convex/server";
import { v } from "convex/values";
import schema from "../../convex/schema.ts";

/** Of what one mutation deletes: it reads that twice over, and has Convex's limits. */
const CHARS_AT_ONCE = 4 * 1024 * 1024;
const ROWS_AT_ONCE = 1500;

/** Empties every table: the next story begins with nothing. True while there is more to delete. */
export const clear = internalMutationGeneric({
	args: {},
	returns: v.boolean(),
	handler: async (ctx) => {
		let chars = 0;
		let rows = 0;
		for (const table of Object.keys(schema.tables)) {
			for await (const row of ctx.db.query(table)) {
				chars += JSON.stringify(row).length;
				rows += 1;
				await ctx.db.delete(row._id);
				if (chars >= CHARS_AT_ONCE || rows >= ROWS_AT_ONCE) return true;
			}
		}
		for (const file of await ctx.db.system.query("_storage").collect()) await ctx.storage.delete(file._id);
		return false;
	},
});

/** Pushes of one op each, as if a stream had been told of them one after the other. */
export const addPushes = internalMutationGeneric({
	args: { userId: v.id("users"), streamId: v.string(), from: v.number(), to: v.number() },
	returns: v.null(),
	handler: async (ctx, { userId, streamId, from, to }) => {
		for (let start = from; start < to; start++)
			await ctx.db.insert("streamDeltas", { userId, streamId, start, end: start + 1, ops: [["e"]] });
		return null;
	},
});

export const count = internalQueryGeneric({
	args: { table: v.string() },
	returns: v.number(),
	handler: async (ctx, { table }) => (await ctx.db.query(table).collect()).length,
});

export const files = internalQueryGeneric({
	args: {},
	returns: v.number(),
	handler: async (ctx) => (await ctx.db.system.query("_storage").collect()).length,
});
