/**
 * A WebSocket that gives up on a dead link. The stock client waits for 60 seconds of silence; a pulled cable or
 * a machine that went to sleep sends nothing, so a terminal would show "synced" for a minute. Every frame
 * that asks for something is answered: none of ours for `silentMs` after such a frame means the link is gone, and the client is
 * told of a close at once, whereupon it reconnects.
 *
 * A timer that fires late says that this process stood still, not the link: what came meanwhile is read first.
 * A large frame on a slow link counts as alive while it leaves.
 *
 * What no backend of ours says (a hotel's page, a frame out of order) makes the stock client throw where only
 * the runtime can hear it, which ends the process; and a fatal error ends the client for good. Both end the
 * connection alone: the client reconnects, with its back-off, and says anew what it wants.
 */
import { type HeldSocket, holdSocket } from "./held-socket.ts";

const SILENT_MS = 8_000;
const LATE_MS = 1_000;

type CloseListener = ((event: CloseEvent) => void) | null;
type MessageListener = ((event: MessageEvent) => void) | null;

/** Node has the event's class only since version 23. */
function closeEvent(reason: string): CloseEvent {
	const facts = { code: 4000, reason, wasClean: false };
	if (typeof CloseEvent === "function") return new CloseEvent("close", facts);
	return Object.assign(new Event("close"), facts) as unknown as CloseEvent;
}

/** @param Base the runtime's own. @param silentMs default 8 s. */
export function watchfulSocket(Base: typeof WebSocket, silentMs = SILENT_MS): typeof WebSocket {
	return class WatchfulSocket extends Base {
		#timer: ReturnType<typeof setTimeout> | null = null;
		#client: MessageListener = null;
		readonly #held: HeldSocket;

		constructor(url: string | URL, protocols?: string | string[]) {
			const held = holdSocket(url);
			super(url, protocols);
			this.#held = held;
			for (const sign of ["open", "close", "error"]) this.addEventListener(sign, () => held.found());
			this.#expect(silentMs);
			const heard = () => this.#rest();
			for (const sign of ["open", "message", "close", "error"]) this.addEventListener(sign, heard);
			// The client's listener is called here instead of by the runtime.
			Object.defineProperty(this, "onmessage", {
				get: () => this.#client,
				set: (listener: MessageListener) => {
					this.#client = listener;
				},
			});
			this.addEventListener("message", (event) => this.#hear(event));
		}

		override send(data: string): void {
			super.send(data);
			// The client's own reports are the one kind of frame that nothing answers.
			if (!data.startsWith('{"type":"Event"')) this.#expect(silentMs);
		}

		override close(code?: number, reason?: string): void {
			this.#rest();
			super.close(code, reason);
			this.#held.letGo();
		}

		#hear(event: MessageEvent): void {
			if (!this.#client) return;
			if (typeof event.data === "string" && event.data.startsWith('{"type":"FatalError"'))
				return this.#giveUp("fatal error");
			try {
				this.#client.call(this, event);
			} catch {
				this.#giveUp("nonsense");
			}
		}

		#rest(): void {
			if (this.#timer) clearTimeout(this.#timer);
			this.#timer = null;
		}

		#expect(ms: number): void {
			if (this.#timer) return;
			const due = performance.now() + ms;
			const unsent = this.bufferedAmount;
			this.#timer = setTimeout(() => {
				this.#timer = null;
				const isSending = this.bufferedAmount < unsent;
				if (isSending || performance.now() - due > LATE_MS) return this.#expect(ms);
				this.#giveUp("silent");
			}, ms);
			(this.#timer as { unref?: () => void }).unref?.();
		}

		#giveUp(reason: string): void {
			const told: CloseListener = this.onclose;
			this.onopen = null;
			this.onmessage = null;
			this.onerror = null;
			this.onclose = null;
			this.close();
			told?.call(this, closeEvent(reason));
		}
	};
}
