/** Opening a page where a person sits at a desktop. */
import { hasDesktop } from "../config/desktop.ts";
import { openBrowser } from "../lib/node/open-browser.ts";

export function openInBrowser(address: string): void {
	if (process.stdout.isTTY && hasDesktop()) openBrowser(address);
}
