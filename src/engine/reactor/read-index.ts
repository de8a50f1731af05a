/**
 * Finds whose read intervals a commit touched.
 *
 * Intervals are grouped by index, then by how many fields they fix by equality, then by the key of those
 * fields. A written key is cut at its field ends and looked up in each group, so the cost grows with the
 * intervals that share the key's prefix, not with all subscriptions.
 */
import type { TouchedKey } from "../storage/documents.ts";
import { contains, type ReadInterval } from "../transaction/read-set.ts";

type Watch<Owner> = { owner: Owner; interval: ReadInterval };
type Group<Owner> = Set<Watch<Owner>>;
type IndexWatches<Owner> = Map<number, Map<string, Group<Owner>>>;

function textOf(key: Uint8Array, length = key.length): string {
	return Buffer.from(key.buffer, key.byteOffset, length).toString("latin1");
}

export class ReadIndex<Owner> {
	readonly #indexes = new Map<number, IndexWatches<Owner>>();
	readonly #watches = new Map<Owner, Watch<Owner>[]>();

	isWatched(indexId: number): boolean {
		return this.#indexes.has(indexId);
	}

	/** Replaces what the owner watches. */
	set(owner: Owner, intervals: readonly ReadInterval[]): void {
		this.delete(owner);
		const watches = intervals.map((interval) => ({ owner, interval }));
		for (const watch of watches) this.#group(watch.interval).add(watch);
		this.#watches.set(owner, watches);
	}

	delete(owner: Owner): void {
		for (const watch of this.#watches.get(owner) ?? []) this.#drop(watch);
		this.#watches.delete(owner);
	}

	/** Owners of the intervals that hold one of the keys. */
	ownersOf(touched: readonly TouchedKey[]): Set<Owner> {
		const owners = new Set<Owner>();
		for (const { indexId, key, ends } of touched) {
			for (const [depth, groups] of this.#indexes.get(indexId) ?? []) {
				const group = groups.get(textOf(key, depth === 0 ? 0 : ends[depth - 1]));
				for (const { owner, interval } of group ?? []) {
					if (!owners.has(owner) && contains(interval, key)) owners.add(owner);
				}
			}
		}
		return owners;
	}

	#group({ indexId, depth, prefix }: ReadInterval): Group<Owner> {
		let depths = this.#indexes.get(indexId);
		if (!depths) {
			depths = new Map();
			this.#indexes.set(indexId, depths);
		}
		let groups = depths.get(depth);
		if (!groups) {
			groups = new Map();
			depths.set(depth, groups);
		}
		const text = textOf(prefix);
		let group = groups.get(text);
		if (!group) {
			group = new Set();
			groups.set(text, group);
		}
		return group;
	}

	#drop(watch: Watch<Owner>): void {
		const { indexId, depth, prefix } = watch.interval;
		const depths = this.#indexes.get(indexId);
		const groups = depths?.get(depth);
		const text = textOf(prefix);
		const group = groups?.get(text);
		if (!depths || !groups || !group) return;
		group.delete(watch);
		if (group.size === 0) groups.delete(text);
		if (groups.size === 0) depths.delete(depth);
		if (depths.size === 0) this.#indexes.delete(indexId);
	}
}
