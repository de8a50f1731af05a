/**
 * Stored files: content in a folder, one file each, named by a random uuid; what they are in `_storage`.
 *
 * A file is on disk before its document is committed and goes after the document's removal is committed,
 * so a document never names a missing file. A crash between the two leaves a file that nothing names;
 * the next start removes it.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import {
	createWriteStream,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { must } from "../../lib/assert.ts";
import { randomBytes, uuid } from "../../lib/randomness.ts";
import type { Transaction } from "../transaction/transaction.ts";
import type { StoredFile } from "../types.ts";
import type { Database } from "./database.ts";

const TOKEN_LIFETIME_MS = 3600 * 1000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TABLE = "_storage";

/** Content on disk that no document names yet. */
export type WrittenFile = { uuid: string; sha256: string; sizeBytes: number; contentType: string | null };

type FileRow = { uuid: string; id: string; sha256: string; size: number; type: string | null };

export class FileStore {
	readonly #database: Database;
	readonly #folder: string;
	readonly #now: () => number;
	readonly #secret: Buffer;

	constructor(database: Database, folder: string, now: () => number) {
		this.#database = database;
		this.#folder = folder;
		this.#now = now;
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		const secret = database.meta("uploadSecret") ?? Buffer.from(randomBytes(32)).toString("hex");
		database.setMeta("uploadSecret", secret);
		this.#secret = Buffer.from(secret, "hex");
		this.#removeOrphans();
	}

	makeUploadToken(): string {
		const expires = String(Math.round(this.#now()) + TOKEN_LIFETIME_MS);
		return `${expires}.${this.#sign(expires)}`;
	}

	checkUploadToken(token: string): { kind: "ok" } | { kind: "invalid" } | { kind: "expired" } {
		const [expires = "", signature = ""] = token.split(".");
		const expected = Buffer.from(this.#sign(expires));
		const given = Buffer.from(signature);
		if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { kind: "invalid" };
		return Number(expires) < this.#now() ? { kind: "expired" } : { kind: "ok" };
	}

	#sign(text: string): string {
		return createHmac("sha256", this.#secret).update(text).digest("base64url");
	}

	/** Writes content to disk. */
	async write(
		body: ReadableStream<Uint8Array> | Uint8Array,
		contentType: string | null,
	): Promise<WrittenFile> {
		const hash = createHash("sha256");
		let sizeBytes = 0;
		const name = uuid();
		const partial = this.#path(`${name}.part`);
		async function* counted(): AsyncGenerator<Uint8Array> {
			for await (const chunk of chunksOf(body)) {
				hash.update(chunk);
				sizeBytes += chunk.byteLength;
				yield chunk;
			}
		}
		try {
			await pipeline(counted, createWriteStream(partial, { mode: 0o600 }));
			renameSync(partial, this.#path(name));
		} catch (error) {
			rmSync(partial, { force: true });
			throw error;
		}
		return { uuid: name, sha256: hash.digest("base64"), sizeBytes, contentType };
	}

	/** Writes content to disk at once, for a mutation. */
	writeNow(bytes: Uint8Array, contentType: string | null): WrittenFile {
		const name = uuid();
		writeFileSync(this.#path(name), bytes, { mode: 0o600 });
		const sha256 = createHash("sha256").update(bytes).digest("base64");
		return { uuid: name, sha256, sizeBytes: bytes.byteLength, contentType };
	}

	/** Removes content that no document names. Called when a commit is told: nothing may stop it. */
	discard(name: string): void {
		try {
			rmSync(this.#path(name), { force: true });
		} catch {
			// It only costs space, and the next start tries again.
		}
	}

	/** Makes the `_storage` document of written content; returns its id. */
	register(tx: Transaction, file: WrittenFile): string {
		tx.afterRollback(() => this.discard(file.uuid));
		const table = must(tx.scope.documents.catalog.table(TABLE), TABLE);
		const facts = { sha256: file.sha256, size: file.sizeBytes };
		const id = tx.insertUnchecked(
			table,
			file.contentType === null ? facts : { contentType: file.contentType, ...facts },
		);
		const values = [file.uuid, id, file.sha256, file.sizeBytes, file.contentType] as const;
		this.#database.run("INSERT INTO files VALUES (?, ?, ?, ?, ?)", ...values);
		return id;
	}

	/** Answers whether there was such a file. */
	remove(tx: Transaction, storageId: string): boolean {
		const row = this.#row(storageId);
		if (!row) return false;
		const table = must(tx.scope.documents.catalog.table(TABLE), TABLE);
		tx.remove(table, row.id);
		this.#database.run("DELETE FROM files WHERE uuid = ?", row.uuid);
		tx.afterCommit(() => this.discard(row.uuid));
		return true;
	}

	/** By document id or uuid. */
	find(storageId: string): StoredFile | null {
		const row = this.#row(storageId);
		if (!row) return null;
		return {
			storageId: row.id,
			sha256Base64: row.sha256,
			sizeBytes: row.size,
			contentType: row.type,
			filePath: this.#path(row.uuid),
		};
	}

	uuidOf(storageId: string): string | null {
		return this.#row(storageId)?.uuid ?? null;
	}

	readNow(file: StoredFile): Uint8Array<ArrayBuffer> {
		return new Uint8Array(readFileSync(file.filePath));
	}

	#row(storageId: string): FileRow | undefined {
		return UUID.test(storageId)
			? this.#database.get<FileRow>("SELECT * FROM files WHERE uuid = ?", storageId)
			: this.#database.get<FileRow>("SELECT * FROM files WHERE id = ?", storageId);
	}

	#path(name: string): string {
		return join(this.#folder, name);
	}

	#removeOrphans(): void {
		for (const name of readdirSync(this.#folder)) {
			const isOurs = UUID.test(name.replace(/\.part$/, ""));
			if (isOurs && (name.endsWith(".part") || !this.#row(name))) this.discard(name);
		}
	}
}

async function* chunksOf(body: ReadableStream<Uint8Array> | Uint8Array): AsyncGenerator<Uint8Array> {
	if (body instanceof Uint8Array) {
		yield body;
		return;
	}
	const reader = body.getReader();
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return;
			yield value;
		}
	} finally {
		reader.releaseLock();
	}
}
