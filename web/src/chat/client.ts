/** A member of a room who stays: it finds a way in, comes back when the way is lost, and misses nothing. */
import { pauseAfter } from '../whep/backoff.ts';
import type { Link, LinkListener, OpenLink, Refused } from './link.ts';
import {
  type ChatErrorEvent,
  type ChatEvent,
  type ChatRequest,
  eventsOf,
  type Join,
  type Message,
} from './protocol.ts';

/** A request that was refused, or of which nobody knows what became of it (code "lost"). */
export class ChatError extends Error {
  override readonly name = 'ChatError';

  constructor(
    readonly code: string,
    readonly detail = '',
    /** Seconds. */
    readonly retryAfter = 0,
  ) {
    super(detail || code);
  }
}

/**
 * - `idle`: not there; `connecting`: on the way; `open`: in the room;
 * - `waiting`: lost, and coming back at `retryAt`; `ended`: for good, because of `error`.
 */
export type ChatState = 'idle' | 'connecting' | 'open' | 'waiting' | 'ended';

export interface ChatClientOptions {
  /** The way to take now. Asked anew each time, since data channels come and go. */
  readonly way: () => Promise<OpenLink | undefined>;
  /** What to say of us when we join. */
  readonly join: () => Omit<Join, 'type'>;
  readonly events: (events: readonly ChatEvent[]) => void;
  readonly changed: () => void;
  readonly random?: () => number;
}

interface Pending {
  readonly request: ChatRequest;
  readonly resolve: (event: ChatEvent) => void;
  readonly reject: (error: ChatError) => void;
  /** Whether the way that it went was lost before the answer came. */
  lost: boolean;
}

/** How long a way may take until the welcome comes, milliseconds. */
const welcomeTimeout = 10_000;
/** A way that has lasted so long was a good one: the next failure is a first one again, milliseconds. */
const goodWay = 10_000;
/** What the server says before it ends the way. */
export const farewells = ['banned', 'full', 'flood', 'slow-reader', 'closed'];
/** What time alone does not cure; with a retry time it does. "full" without one: we have opened another window. */
const hopeless = ['banned', 'full', 'unavailable', 'unauthorized', 'malformed'];

export class ChatClient {
  state: ChatState = 'idle';
  error: ChatError | undefined;
  /** When the next attempt comes, milliseconds since 1970. */
  retryAt = 0;

  #link: Link | undefined;
  /** Why the server is about to end the way. */
  #farewell: ChatError | undefined;
  #attempt = 0;
  #failures = 0;
  #openedAt = Number.POSITIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refs = 0;
  /** Events of history that are still to come, before we know what became of lost messages. */
  #history = 0;
  #you = '';
  readonly #pending = new Map<string, Pending>();

  constructor(private readonly options: ChatClientOptions) {}

  /** Joins; again if it is there already, without leaving a gap. */
  start(): void {
    this.#drop();
    this.#failures = 0;
    void this.#enter();
  }

  /** Leaves. What has not been answered is rejected. */
  stop(): void {
    this.#drop();
    this.#forget(() => true);
    this.#become('idle');
  }

  /** Cuts the pause short: the network is back, perhaps. */
  wake(): void {
    if (this.state === 'waiting' && !this.error?.retryAfter) {
      this.#drop();
      void this.#enter();
    }
  }

  /** Asks for something; gives the answer, or rejects with a ChatError. A message that was on its way as the way was lost is looked for in the history. */
  request(request: ChatRequest): Promise<ChatEvent> {
    if (this.state !== 'open' || !this.#link) {
      return Promise.reject(new ChatError('offline'));
    }
    const ref = String(++this.#refs);
    return new Promise((resolve, reject) => {
      this.#pending.set(ref, { request, resolve, reject, lost: false });
      this.#link?.send({ ...request, ref });
    });
  }

  async #enter(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#become('connecting', this.error);
    const open = await this.options.way();
    if (attempt !== this.#attempt) {
      return;
    }
    if (!open) {
      this.#lost({ code: 'closed', detail: '' });
      return;
    }
    const mine = () => attempt === this.#attempt;
    const listener: LinkListener = {
      frame: (frame) => mine() && this.#take(eventsOf(frame)),
      ended: (why) => mine() && this.#lost(why),
    };
    this.#timer = setTimeout(() => this.#lost(), welcomeTimeout);
    this.#link = open({ type: 'join', ...this.options.join() }, listener);
  }

  #take(events: readonly ChatEvent[]): void {
    for (const event of events) {
      if (event.type === 'welcome') {
        this.#welcomed(event.you.id, event.history);
      } else if (event.type === 'error' && event.ref === undefined && farewells.includes(event.code)) {
        this.#farewell = new ChatError(event.code, event.detail, event.retry_after);
      }
    }
    this.options.events(events);
    for (const event of events) {
      this.#answer(event);
    }
  }

  #welcomed(you: string, history: number): void {
    clearTimeout(this.#timer);
    this.#openedAt = performance.now();
    this.#you = you;
    this.#history = history;
    this.#become('open');
    this.#settle();
  }

  #answer(event: ChatEvent): void {
    if ('ref' in event && event.ref !== undefined) {
      const pending = this.#pending.get(event.ref);
      this.#pending.delete(event.ref);
      if (event.type === 'error') {
        pending?.reject(toError(event));
      } else {
        pending?.resolve(event);
      }
    } else if (this.#history > 0 && 'id' in event) {
      this.#history--;
      if (event.type === 'message') {
        this.#found(event);
      }
      this.#settle();
    }
  }

  /** A message of ours in the history that we get after a loss: it had arrived. */
  #found(message: Message): void {
    for (const [ref, { request, resolve, lost }] of this.#pending) {
      if (lost && message.from.id === this.#you && request.type === 'message' && same(request.text, message.text)) {
        this.#pending.delete(ref);
        resolve(message);
        return;
      }
    }
  }

  /** All history is here: what is not in it did not arrive. */
  #settle(): void {
    if (this.#history === 0) {
      this.#forget(({ lost }) => lost);
    }
  }

  #forget(which: (pending: Pending) => boolean): void {
    for (const [ref, pending] of this.#pending) {
      if (which(pending)) {
        this.#pending.delete(ref);
        pending.reject(new ChatError('lost'));
      }
    }
  }

  #lost(why?: Refused): void {
    const error = why ? new ChatError(why.code, why.detail, why.retryAfter) : this.#farewell;
    this.#farewell = undefined;
    this.#drop();
    if (error && hopeless.includes(error.code) && error.retryAfter === 0) {
      this.#forget(() => true);
      this.#become('ended', error);
      return;
    }
    if (performance.now() - this.#openedAt >= goodWay) {
      this.#failures = 0;
    }
    this.#openedAt = Number.POSITIVE_INFINITY;
    this.#failures++;
    const least = error?.code === 'flood' ? 60_000 : (error?.retryAfter ?? 0) * 1000;
    const pause = pauseAfter(this.#failures + 1, least, this.options.random);
    this.retryAt = Date.now() + pause;
    this.#timer = setTimeout(() => void this.#enter(), pause);
    this.#become('waiting', error);
  }

  /** Lets go of the link; nothing that it still says counts. */
  #drop(): void {
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#link?.close();
    this.#link = undefined;
    for (const pending of this.#pending.values()) {
      pending.lost = true;
    }
    this.#forget(({ request }) => request.type !== 'message');
  }

  #become(state: ChatState, error?: ChatError): void {
    this.state = state;
    this.error = error;
    this.options.changed();
  }
}

function toError({ code, detail, retry_after }: ChatErrorEvent): ChatError {
  return new ChatError(code, detail, retry_after);
}

/** Whether the server made one text of the other: it trims and composes. */
function same(ours: string, theirs: string): boolean {
  const plain = (text: string) => text.normalize('NFC').replace(/\s+/g, ' ').trim();
  return plain(ours) === plain(theirs);
}
