/** Functions that only stories call, deployed beside the app's own on the engine. */
import { internalMutationGeneric, internalQueryGeneric } from "convex/server";
import { v } from "convex/values";
import schema from "../../convex/schema.ts";

/** Empties every table: the next story begins with nothing. */
export const clear = internalMutationGeneric({
	args: {},
	returns: v.null(),
	handler: async (ctx) => {
		for (const table of Object.keys(schema.tables)) {
			for (const row of await ctx.db.query(table).collect()) await ctx.db.delete(row._id);
		}
		for (const file of await ctx.db.system.query("_storage").collect()) await ctx.storage.delete(file._id);
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
