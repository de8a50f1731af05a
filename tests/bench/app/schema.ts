import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
	rows: defineTable({ group: v.string(), seq: v.number(), body: v.string() }).index("by_group_seq", [
		"group",
		"seq",
	]),
});
