/** Our part in a room: what is known of it, what we ask for, and how long we have to wait. */
import { ChatClient, ChatError, farewells } from './client.ts';
import type { Draft } from './composer.ts';
import type { OpenLink } from './link.ts';
import { invitation, recall, remember } from './memory.ts';
import { type ChatEvent, type ChatRequest, isAtLeast, type Message } from './protocol.ts';
import { Room } from './room.ts';
import { type Address, type ChannelSource, findWay } from './way.ts';

export interface ConversationHost {
  /** Where the room is; undefined as long as nobody has said. */
  readonly address: Address | undefined;
  readonly source: ChannelSource | undefined;
  /** The administrator's token. */
  readonly credential: string;
  /** The name that the page gives us. */
  readonly wishedName: string | null;
  /** The invitation by which we came here just now. */
  readonly invited: string | null;
  /** How many messages of history we want; null: as many as the server is set to. */
  readonly last: number | null;
  /** Something is to be shown anew. */
  changed(): void;
  /** A message came; `old` if it was written before we came. */
  arrived(message: Message, old: boolean): void;
  reacted(counts: Readonly<Record<string, number>>): void;
  /** What is shown is thrown away. */
  anew(): void;
  /** A draft was not sent. */
  returned(draft: Draft): void;
}

/** How long a refusal is shown, milliseconds. */
const troubleTime = 8_000;

export class Conversation {
  room = new Room();
  readonly client: ChatClient;
  /** The latest refusal, while it is to be shown. */
  trouble: ChatError | undefined;
  /** Until when we should not write, milliseconds since 1970. */
  blockedUntil = 0;

  #server = '';
  /** The data channel that we came by last. */
  #taken: RTCDataChannel | undefined;
  #forget: ReturnType<typeof setTimeout> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly host: ConversationHost) {
    this.client = new ChatClient({
      way: () => this.#way(),
      join: () => this.#join(),
      events: (events) => this.#take(events),
      changed: () => this.#changed(),
    });
  }

  /** Comes to the room, or to another one. */
  start(): void {
    const { address } = this.host;
    this.stop();
    this.room = new Room();
    this.host.anew();
    if (address) {
      this.#server = new URL(address.url).origin;
      this.client.start();
    }
  }

  stop(): void {
    clearTimeout(this.#forget);
    clearInterval(this.#tick);
    this.#tick = undefined;
    this.trouble = undefined;
    this.blockedUntil = 0;
    this.client.stop();
  }

  /** There is another data channel: as soon as it is open, it is the better way. */
  async channelChanged(): Promise<void> {
    const channel = this.host.source?.chatChannel;
    if (channel?.readyState === 'connecting') {
      await new Promise((resolve) => channel.addEventListener('open', resolve, { once: true }));
    }
    const better = channel !== this.#taken && channel === this.host.source?.chatChannel;
    if (better && channel?.readyState === 'open' && ['open', 'waiting'].includes(this.client.state)) {
      this.client.start();
    }
  }

  /** Seconds until we may write again; 0 if we may. */
  get wait(): number {
    return Math.max(0, Math.ceil((Math.max(this.blockedUntil, this.room.silentUntil) - Date.now()) / 1000));
  }

  readonly ask = (request: ChatRequest): Promise<ChatEvent> => this.client.request(request);

  /** Asks, and shows a refusal. */
  async run(request: ChatRequest): Promise<boolean> {
    try {
      await this.ask(request);
      return true;
    } catch (error) {
      this.#refused(error);
      return false;
    }
  }

  async say(draft: Draft): Promise<void> {
    const { text, reply } = draft;
    const sent = await this.run({ type: 'message', text, ...(reply && { reply: reply.id }) });
    const { slow } = this.room.settings;
    if (!sent) {
      this.host.returned(draft);
    } else if (slow > 0 && !isAtLeast(this.room.you, 'moderator')) {
      this.#block(slow);
    }
  }

  renamed(name: string): void {
    remember(this.#server, { name });
  }

  dismiss(): void {
    this.trouble = undefined;
    this.host.changed();
  }

  async #way(): Promise<OpenLink | undefined> {
    const { address, source } = this.host;
    const way = address && (await findWay(address, source));
    this.#taken = way?.channel;
    return way?.open;
  }

  #join() {
    const { token, name } = recall(this.#server);
    const { credential, wishedName, address, last } = this.host;
    const invited = address && invitation(this.#server, address.stream, this.host.invited);
    const known = wishedName || name;
    return {
      ...(token && { token }),
      ...(known && { name: known }),
      ...(this.room.last && { since: this.room.last }),
      ...(invited && { invitation: invited }),
      ...(credential && { credential }),
      ...(last !== null && { last }),
    };
  }

  #take(events: readonly ChatEvent[]): void {
    for (const event of events) {
      const old = this.room.inHistory;
      const message = this.room.apply(event);
      if (message) {
        this.host.arrived(message, old);
      }
      switch (event.type) {
        case 'welcome':
          if (event.token) {
            remember(this.#server, { token: event.token });
          }
          if (!event.resumed) {
            this.host.anew();
          }
          break;
        case 'reactions':
          this.host.reacted(event.counts);
          break;
        case 'settings':
          this.blockedUntil = event.slow > 0 ? this.blockedUntil : 0;
          break;
        case 'error':
          if (event.ref === undefined && !farewells.includes(event.code)) {
            this.#refused(new ChatError(event.code, event.detail, event.retry_after));
          }
          break;
      }
    }
    this.#changed();
  }

  #refused(error: unknown): void {
    this.trouble = error instanceof ChatError ? error : new ChatError('other', String(error));
    if (['too-fast', 'slow-mode', 'timed-out', 'busy'].includes(this.trouble.code)) {
      this.#block(this.trouble.retryAfter);
    }
    clearTimeout(this.#forget);
    this.#forget = setTimeout(() => this.dismiss(), troubleTime);
    this.#changed();
  }

  #block(seconds: number): void {
    this.blockedUntil = Math.max(this.blockedUntil, Date.now() + seconds * 1000);
    this.#changed();
  }

  /** Has the host show it, and again each second while something counts down. */
  #changed(): void {
    const counting = () => this.wait > 0 || this.client.state === 'waiting';
    if (counting()) {
      this.#tick ??= setInterval(() => {
        if (!counting()) {
          clearInterval(this.#tick);
          this.#tick = undefined;
        }
        this.host.changed();
      }, 1000);
    }
    this.host.changed();
  }
}
