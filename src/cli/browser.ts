/** Opening a page where a person sits at a desktop. Never fails: the address is printed anyway. */
import { spawn } from "node:child_process";
import { hasDesktop } from "../config/desktop.ts";

export function openInBrowser(address: string): void {
	if (!process.stdout.isTTY || !hasDesktop()) return;
	const [command, ...args] =
		process.platform === "darwin"
			? ["open", address]
			: process.platform === "win32"
				? ["cmd", "/c", "start", "", address]
				: ["xdg-open", address];
	spawn(command as string, args, { detached: true, stdio: "ignore" })
		.on("error", () => {})
		.unref();
}
