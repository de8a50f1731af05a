/** Hands an address to the desktop's browser. Never fails: whoever calls shows the address too. */
import { spawn } from "node:child_process";

export function openBrowser(address: string): void {
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
