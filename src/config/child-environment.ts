/** Environment of a Pi that we start ourselves: ours, but with a Pi folder of its own and no network of its own. */
export function piEnvironment(
	agentDir: string,
	env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
	const kept = Object.entries(env).filter(
		(pair): pair is [string, string] => pair[1] !== undefined && !pair[0].startsWith("PI_CODING_AGENT_"),
	);
	return { ...Object.fromEntries(kept), PI_CODING_AGENT_DIR: agentDir, PI_OFFLINE: "1" };
}
