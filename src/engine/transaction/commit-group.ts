/**
 * Mutations that wait one behind the other share one SQLite commit.
 *
 * Each member is a savepoint of its own: it can be undone alone, and the next one sees its writes. Nobody
 * hears of a member's success, and no query reads its writes, before the whole group is committed.
 *
 *   begin -> keep | undo        once per member
 *   ... -> flush                after the last one: all are committed, or all have failed
 */
import type { Database } from "../storage/database.ts";

export type GroupMember = {
	/** The group is committed. */
	committed(): void;
	/** The group could not be committed; nothing of the member was stored. */
	failed(error: Error): void;
};

export class CommitGroup {
	readonly #database: Database;
	#members: GroupMember[] = [];
	#open = false;

	constructor(database: Database) {
		this.#database = database;
	}

	begin(): void {
		if (!this.#open) {
			this.#database.begin();
			this.#open = true;
		}
		this.#database.savepoint();
	}

	keep(member: GroupMember): void {
		this.#database.release();
		this.#members.push(member);
	}

	/** Undoes the member that is under way. */
	undo(): void {
		if (this.#database.inTransaction) this.#database.rollbackTo();
		else this.#fail(new Error("the database gave up the transaction"));
	}

	/** Commits what is open. Call before anything reads and before anybody is answered. */
	flush(): void {
		if (!this.#open) return;
		try {
			this.#database.commit();
		} catch (error) {
			this.#database.rollback();
			this.#fail(error as Error);
			return;
		}
		this.#open = false;
		for (const member of this.#members.splice(0)) member.committed();
	}

	#fail(error: Error): void {
		this.#open = false;
		for (const member of this.#members.splice(0).reverse()) member.failed(error);
	}
}
