import { agentClass, agentName } from "../agent-name.ts";

/** The agent that a session comes from, in its colour. */
export function AgentLabel({ source }: { source: string }) {
	return <bdi className={`agent ${agentClass(source)}`}>{agentName(source)}</bdi>;
}
