import { pauseAfter } from '../whep/backoff.ts';
import { SignalChannel, type SignalMessage } from './channel.ts';

export { SignalChannel, type SignalMessage } from './channel.ts';

/** The subprotocol. */
const protocol = 'bongsu.v1';
/** How long a socket may take to be opened and greeted, milliseconds. */
const connectLimit = 8_000;
/** Sessions that one socket may have. */
const room = 16;
/** The close code for a socket that is to be resumed by another: 1000 and 1001 would end its sessions. */
const moving = 4001;

/**
 * The WebSocket to `/signal` of a server (docs/signaling.md), shared by all that a page has there: each has a SignalChannel. It
 * connects when there is a channel, comes back when it breaks, so that sessions go on, and closes after the last channel.
 *
 * ```ts
 * const channel = signalSocket('wss://host/signal').channel();
 * channel.addEventListener('up', () => channel.send({ type: 'chat', stream: 'lobby', frame: { type: 'join' } }));
 * channel.addEventListener('message', ({ data }) => …);
 * await channel.close();
 * ```
 */
export class SignalSocket {
  /** Whether messages go out now. */
  up = false;

  private readonly channels = new Map<string, SignalChannel>();
  private count = 0;
  private socket: WebSocket | undefined;
  private listening: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  /** The word that resumes the socket's sessions, how many messages came that are part of them, and the word if that fails. */
  private word = '';
  private received = 0;
  private spare = '';
  private page: AbortController | undefined;

  /** `random` gives a number from 0 to 1, for the pauses. */
  constructor(
    private readonly url: string,
    private readonly random: () => number = Math.random,
  ) {}

  get hasRoom(): boolean {
    return this.channels.size < room;
  }

  /** Makes a channel, and connects if need be. */
  channel(): SignalChannel {
    const channel = new SignalChannel(`c${++this.count}`, {
      write: (message) => this.up && this.write(message),
      doubt: () => this.up && this.connect(),
      leave: () => this.remove(channel),
    });
    this.channels.set(channel.id, channel);
    if (this.up) {
      queueMicrotask(() => this.up && channel.dispatchEvent(new Event('up')));
    } else if (!this.socket) {
      this.connect();
    }
    return channel;
  }

  /** Asks the server whether it is there, by something that has an answer in any case; a dead socket is replaced. */
  async check(): Promise<void> {
    const nobody = this.channel();
    await nobody.request({ type: 'bye' }).catch(() => undefined);
    nobody.end();
  }

  /** Opens a socket, in place of the one that there may be. */
  private connect(): void {
    this.drop(moving);
    this.page ??= this.watchPage();
    this.timer = setTimeout(() => this.lost(), connectLimit);
    this.listening = new AbortController();
    const { signal } = this.listening;
    try {
      this.socket = new WebSocket(this.url, [protocol]);
    } catch {
      setTimeout(() => this.lost()); // the page may not: a secure one can't use ws:
      return;
    }
    this.socket.addEventListener('open', () => this.greet(), { signal });
    this.socket.addEventListener('message', ({ data }) => this.heard(parse(data)), { signal });
    this.socket.addEventListener('close', () => this.lost(), { signal });
  }

  private watchPage(): AbortController {
    const page = new AbortController();
    // An open socket keeps the page from the back/forward cache; code 1000 ends all at once.
    const leave = () => {
      for (const channel of [...this.channels.values()]) {
        channel.finish();
      }
    };
    addEventListener('pagehide', leave, { signal: page.signal });
    // A word that resumes is good once: not while the answer to it is on its way.
    addEventListener('online', () => this.spare || this.connect(), { signal: page.signal });
    return page;
  }

  /** Lets go of the socket. */
  private drop(code: number): void {
    clearTimeout(this.timer);
    this.listening?.abort();
    this.socket?.close(code);
    this.socket = undefined;
    this.spare = '';
    if (this.up) {
      this.up = false;
      this.tell(false);
    }
  }

  private tell(failed: boolean): void {
    for (const channel of [...this.channels.values()]) {
      channel.lose(failed);
    }
  }

  /** The socket broke, or was none; the next one follows after a pause, unless somebody is quicker. */
  private lost(): void {
    const failed = !this.up;
    this.drop(moving);
    if (failed) {
      this.tell(true);
    }
    if (this.channels.size > 0 && !this.socket) {
      this.timer = setTimeout(() => this.connect(), pauseAfter(++this.failures, 0, this.random));
    }
  }

  private greet(): void {
    if (this.word) {
      this.write({ type: 'hello', resume: this.word, received: this.received });
    }
  }

  private write(message: SignalMessage): boolean {
    this.socket?.send(JSON.stringify(message));
    return true;
  }

  private heard(message: SignalMessage): void {
    if (message.type === 'hello') {
      this.welcome(message);
      return;
    }
    if (message.type !== 'chat') {
      this.received++;
    }
    const channel = this.channels.get(String(message.id));
    if (this.spare && message['about'] === 'hello') {
      this.received = 1; // this error is the first that the new socket says
      this.begin(this.spare);
    } else if (channel) {
      channel.take(message);
    } else if (message.type === 'answer' || message.type === 'offer') {
      this.write({ type: 'bye', id: String(message.id) }); // nobody waits for it any more
    }
  }

  /** A socket that is to take up where another ended is greeted twice: as a new one, and then as that. */
  private welcome({ resume, sessions }: SignalMessage): void {
    if (Array.isArray(sessions)) {
      this.begin(String(resume), sessions);
    } else if (this.word) {
      this.spare = String(resume);
    } else {
      this.received = 0;
      this.begin(String(resume));
    }
  }

  private begin(word: string, sessions?: readonly unknown[]): void {
    clearTimeout(this.timer);
    this.word = word;
    this.spare = '';
    this.failures = 0;
    this.up = true;
    for (const channel of [...this.channels.values()]) {
      channel.begin(sessions);
    }
  }

  private remove(channel: SignalChannel): void {
    this.channels.delete(channel.id);
    if (this.channels.size === 0) {
      this.up = false;
      this.drop(1000);
      this.word = '';
      this.page?.abort();
      this.page = undefined;
    }
  }
}

const sockets = new Map<string, SignalSocket[]>();

/** The socket of this page to a server, by the URL of its `/signal`. One that has all the sessions it may have gets a sister. */
export function signalSocket(url: string): SignalSocket {
  const open = sockets.get(url) ?? [];
  const free = open.find((socket) => socket.hasRoom);
  if (free) {
    return free;
  }
  const socket = new SignalSocket(url);
  sockets.set(url, [...open, socket]);
  return socket;
}

/**
 * Where the `/signal` of a server is, by the URL of one of its endpoints: "https://host/whep/lobby" is for the stream "lobby", and
 * its WebSocket is "wss://host/signal". The stream is empty where the URL names none.
 */
export function signalURL(endpoint: string, base: string = document.baseURI): { url: string; stream: string } {
  const url = new URL(endpoint, base);
  const [, prefix = '', stream = ''] = /^(.*)\/(?:whip|whep)(?:\/([^/]*))?$/.exec(url.pathname) ?? [];
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  url.pathname = `${prefix}/signal`;
  url.search = url.hash = '';
  return { url: url.href, stream: decoded(stream) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // the server has its own words for such a name
  }
}

function parse(data: unknown): SignalMessage {
  try {
    return { type: '', ...Object(JSON.parse(String(data))) };
  } catch {
    return { type: '' };
  }
}
