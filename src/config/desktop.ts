/** Whether a browser could be shown here. */
export function hasDesktop(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
	if (process.platform === "darwin" || process.platform === "win32") return env.SSH_CONNECTION === undefined;
	return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}
