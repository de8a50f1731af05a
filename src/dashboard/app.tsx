import { ConvexProvider } from "convex/react";
import { useEffect, useState } from "react";
import { ConnectionBanner } from "./features/connection/connection-banner.tsx";
import { type OpenClient, openClient } from "./features/connection/create-client.ts";
import type { BackendAddress } from "./features/connection/find-backend.ts";
import { RefusalBoundary } from "./features/connection/refusal-boundary.tsx";
import { TopBar } from "./features/connection/top-bar.tsx";
import { useSearchKeys } from "./features/search/search-keys.ts";
import { SearchPage } from "./features/search/search-page.tsx";
import { SessionList } from "./features/session-list/session-list.tsx";
import { SignInPage } from "./features/sign-in/sign-in-page.tsx";
import { useSignIn } from "./features/sign-in/use-sign-in.ts";
import { SessionPage } from "./features/transcript/session-page.tsx";
import { routeHref } from "./route.ts";
import { useRoute } from "./use-route.ts";

export function App() {
	const { state, submit, leave } = useSignIn();
	if (state.kind !== "signedIn") return <SignInPage state={state} onSubmit={submit} />;
	return (
		<SignedIn
			key={`${state.backend.siteUrl} ${state.key}`}
			backend={state.backend}
			apiKey={state.key}
			leave={leave}
		/>
	);
}

type SignedInProps = { backend: BackendAddress; apiKey: string; leave: (reason: string | null) => void };

function SignedIn({ backend, apiKey, leave }: SignedInProps) {
	const [open, setOpen] = useState<OpenClient | null>(null);
	useEffect(() => {
		const opened = openClient(backend, apiKey, leave);
		setOpen(opened);
		return opened.close;
	}, [backend, apiKey, leave]);
	if (!open) return null;
	return (
		<ConvexProvider client={open.client}>
			<RefusalBoundary at="" onSignedOut={leave}>
				<TopBar siteUrl={backend.siteUrl} onSignOut={() => leave(null)} />
				<ConnectionBanner />
				<Place leave={leave} />
			</RefusalBoundary>
		</ConvexProvider>
	);
}

/** On a wide screen the list stands beside the rest; on a narrow one there is one of them. */
function Place({ leave }: Pick<SignedInProps, "leave">) {
	const route = useRoute();
	const openSessionId = route.kind === "session" ? route.sessionId : null;
	useSearchKeys(() => {
		if (route.kind !== "search") window.location.hash = routeHref({ kind: "search", query: "" });
	});
	return (
		<div className={`place place-${route.kind}`}>
			<SessionList openSessionId={openSessionId} />
			<RefusalBoundary at={routeHref(route)} onSignedOut={leave}>
				{route.kind === "session" && <SessionPage key={route.sessionId} route={route} />}
				{route.kind === "search" && <SearchPage route={route} />}
			</RefusalBoundary>
			{route.kind === "list" && (
				<main className="session session-none">
					<p className="quiet">Choose a session to read it, or search them all.</p>
				</main>
			)}
		</div>
	);
}
