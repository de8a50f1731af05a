import type { Settings } from "../config/options.ts";
import type { Transform } from "../sync/contract.ts";
export async function createImportTransform(_settings: Settings): Promise<Transform | undefined> {
	return undefined;
}
