/** Keeps the process from ending for want of work until the returned function is called. */
export function keepAlive(): () => void {
	const timer = setInterval(() => {}, 2 ** 30);
	return () => clearInterval(timer);
}
