/**
 * The turn lock: one terminal at a time drives a session, for a whole run.
 *
 *             acquire                       renew
 *   free ───────────────► held (epoch + 1) ◄──────┐
 *    ▲                      │  │  └───────────────┘
 *    ├── release ───────────┘  │
 *    ├── expire (deadline) ────┘   takeOver: held by another ► held by the taker (epoch + 1)
 *
 * It is an expiring lease with a fencing number. The epoch rises with every acquisition and never falls
 * (L2); expiry is judged by the backend's clock alone (L4). Asking again for a lock one holds gives the same
 * epoch: a reply that was lost costs nothing.
 */
import { type Infer, v } from "convex/values";
import { vSessionView } from "./session.ts";

/** Who drives the session. `acquiredAt` in ms since the epoch, by the backend's clock. */
export const vHolder = v.object({ terminalId: v.string(), label: v.string(), acquiredAt: v.number() });
export type Holder = Infer<typeof vHolder>;

/** `turnLock:current`. Changes when the holder does, not with a renewal. `epoch` is 0 before the first acquisition. */
export const vTurnLock = v.object({ epoch: v.number(), holder: v.union(vHolder, v.null()) });
export type TurnLock = Infer<typeof vTurnLock>;

/** `turnLock:acquire`. */
export const vAcquire = v.object({
	sessionId: v.string(),
	terminalId: v.string(),
	/** Name for people, such as a host name. */
	label: v.string(),
});
export type Acquire = Infer<typeof vAcquire>;

/** `turnLock:takeOver`: only from the holder of the epoch that the person was shown. */
export const vTakeOver = v.object({ ...vAcquire.fields, epoch: v.number() });
export type TakeOver = Infer<typeof vTakeOver>;

/** `turnLock:renew` and `turnLock:release`. */
export const vHeldLock = v.object({ sessionId: v.string(), terminalId: v.string(), epoch: v.number() });
export type HeldLock = Infer<typeof vHeldLock>;

const vHeld = v.object({
	kind: v.literal("held"),
	epoch: v.number(),
	holder: vHolder,
	expiresAt: v.number(),
});

export const vAcquired = v.union(
	v.object({
		kind: v.literal("acquired"),
		epoch: v.number(),
		expiresAt: v.number(),
		/** Where the session stands: who drives it now must have its entries up to here. */
		lastSeq: v.number(),
		leafId: v.union(v.string(), v.null()),
	}),
	/** Another holds it until `expiresAt`, unless it renews. */
	vHeld,
);
export type Acquired = Infer<typeof vAcquired>;

/** `lost`: the caller holds it no more; who does, and the epoch that counts. */
const vLost = v.object({ kind: v.literal("lost"), epoch: v.number(), holder: v.union(vHolder, v.null()) });

export const vRenewed = v.union(v.object({ kind: v.literal("renewed"), expiresAt: v.number() }), vLost);
export type Renewed = Infer<typeof vRenewed>;

export const vReleased = v.union(v.object({ kind: v.literal("released") }), vLost);
export type Released = Infer<typeof vReleased>;

/** `sessions:attachable`: one row of the list that a terminal chooses from. */
export const vAttachable = v.object({
	session: vSessionView,
	holder: v.union(vHolder, v.null()),
	/** Terminals that are at it. */
	terminals: v.number(),
});
export type Attachable = Infer<typeof vAttachable>;
