/**
 * What the browser remembers: the backend used last and one key for each backend. A key is only ever
 * given to the backend it was entered for, so a link that names another backend gets none.
 */
export interface KeyStore {
	keyFor(siteUrl: string): string | null;
	setKey(siteUrl: string, key: string | null): void;
	lastSite(): string | null;
	setLastSite(siteUrl: string | null): void;
}

const PREFIX = "pi-opensync:";

/**
 * Over `localStorage`; where that is forbidden, values last as long as the page. `storageOf` is asked each
 * time, for a browser that keeps no site data throws when it is only named.
 */
export function createKeyStore(
	storageOf: () => Pick<Storage, "getItem" | "setItem" | "removeItem">,
): KeyStore {
	const memory = new Map<string, string>();
	const read = (name: string): string | null => {
		try {
			return storageOf().getItem(PREFIX + name) ?? memory.get(name) ?? null;
		} catch {
			return memory.get(name) ?? null;
		}
	};
	const write = (name: string, value: string | null): void => {
		if (value === null) memory.delete(name);
		else memory.set(name, value);
		try {
			if (value === null) storageOf().removeItem(PREFIX + name);
			else storageOf().setItem(PREFIX + name, value);
		} catch {
			// Storage is full or forbidden: `memory` holds it until the page is closed.
		}
	};
	return {
		keyFor: (siteUrl) => read(`key:${siteUrl}`),
		setKey: (siteUrl, key) => write(`key:${siteUrl}`, key),
		lastSite: () => read("site"),
		setLastSite: (siteUrl) => write("site", siteUrl),
	};
}
