import { v } from "convex/values";
import { vScope } from "../src/protocol/access.ts";
import { readQuery } from "./access.ts";

/** Who the caller is and with which key. */
export const me = readQuery({
	args: {},
	returns: v.object({ name: v.string(), keyName: v.string(), scopes: v.array(vScope) }),
	handler: async (ctx) => {
		const user = await ctx.db.get(ctx.userId);
		return { name: user?.name ?? "", keyName: ctx.key.name, scopes: ctx.key.scopes };
	},
});
