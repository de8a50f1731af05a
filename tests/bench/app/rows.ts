import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
import { v } from "convex/values";

export const insert = mutation({
	args: { group: v.string(), seq: v.number(), body: v.string() },
	handler: async (ctx, args) => {
		await ctx.db.insert("rows", args);
		return null;
	},
});

export const fill = mutation({
	args: { group: v.string(), from: v.number(), count: v.number(), body: v.string() },
	handler: async (ctx, { group, from, count, body }) => {
		for (let seq = from; seq < from + count; seq++) await ctx.db.insert("rows", { group, seq, body });
		return null;
	},
});

export const point = query({
	args: { group: v.string(), seq: v.number() },
	handler: async (ctx, { group, seq }) =>
		await ctx.db
			.query("rows")
			.withIndex("by_group_seq", (q) => q.eq("group", group).eq("seq", seq))
			.unique(),
});

export const latest = query({
	args: { group: v.string() },
	handler: async (ctx, { group }) =>
		await ctx.db
			.query("rows")
			.withIndex("by_group_seq", (q) => q.eq("group", group))
			.order("desc")
			.take(20),
});
