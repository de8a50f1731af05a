import { OPTIONS, type Settings } from "./options.ts";

/**
 * Environment of a Pi that we start ourselves: ours, but with a Pi folder of its own, no network of its own,
 * and these settings whatever the person's are.
 */
export function piEnvironment(
	agentDir: string,
	settings: Partial<Settings>,
	env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
	const kept = Object.entries(env).filter(
		(pair): pair is [string, string] => pair[1] !== undefined && !pair[0].startsWith("PI_CODING_AGENT_"),
	);
	const ours = OPTIONS.flatMap(({ name, kind, env: variable }): [string, string][] => {
		const value = settings[name];
		if (value === undefined || value === null) return [];
		// An empty variable counts as none, and the person's own settings file would be asked.
		const text = kind === "url" && value === "" ? "off" : String(value);
		return [[variable, text]];
	});
	return { ...Object.fromEntries([...kept, ...ours]), PI_CODING_AGENT_DIR: agentDir, PI_OFFLINE: "1" };
}
