import type { ReactNode } from "react";

/** A sentence that wants to be read: errors at once (`alert`), the rest when there is time. */
export function Notice({ kind, children }: { kind: "error" | "plain"; children: ReactNode }) {
	return (
		<div className={`notice notice-${kind}`} role={kind === "error" ? "alert" : "status"} dir="auto">
			{children}
		</div>
	);
}
