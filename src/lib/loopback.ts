/** Whether an http(s) address is on this machine. */
export function isLoopback(address: string): boolean {
	let host: string;
	try {
		const url = new URL(address);
		if (url.protocol !== "http:" && url.protocol !== "https:") return false;
		host = url.hostname;
	} catch {
		return false;
	}
	return (
		host === "localhost" ||
		host === "[::1]" ||
		host.endsWith(".localhost") ||
		/^127(\.\d{1,3}){3}$/.test(host)
	);
}
