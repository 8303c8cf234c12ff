import { answerLimit, goodbyeLimit, problemDetail, SignalingError } from './signaling.ts';

/** A message of docs/signaling.md. */
export interface SignalMessage {
  readonly type: string;
  readonly id?: string;
  readonly [member: string]: unknown;
}

/** What a channel needs of its socket. */
export interface Carrier {
  /** Sends now; false if the socket is not up. */
  write(message: SignalMessage): boolean;
  /** The server does not answer: the socket may be a dead one that nobody has noticed. */
  doubt(): void;
  /** The channel has ended. */
  leave(channel: SignalChannel): void;
}

/** A request whose answer is awaited. */
interface Pending {
  readonly message: SignalMessage;
  settle(answer: SignalMessage | SignalingError): void;
}

/** A live server answers sooner, milliseconds; else the socket is replaced, and the request repeated if need be. */
const doubtAfter = 1_500;

/** What answers a request; others are answered by their own type. */
const answers: Record<string, readonly string[]> = {
  publish: ['answer'],
  play: ['answer', 'offer'],
  answer: ['ok'],
  layers: ['ok'],
};

/**
 * One `id` on a SignalSocket: a session, or a seat in a chat. Fires
 *
 * - `up` when the socket is there, soon after the channel was made and whenever another socket has taken its place; `down` when it
 *   breaks, or could not be opened;
 * - `message` (a MessageEvent<SignalMessage>) for what the server says that is not the answer to a request();
 * - `close` when the server ended it, or forgot it over a break.
 */
export class SignalChannel extends EventTarget {
  /** Whether it has ended. */
  closed = false;

  private readonly pending = new Set<Pending>();
  /** Whether the server has heard of it. */
  private used = false;
  /** Whether the server has a session of this id. */
  private held = false;
  private leaving: Promise<void> | undefined;

  constructor(
    readonly id: string,
    private readonly carrier: Carrier,
  ) {
    super();
  }

  /** Sends a message; false if the socket is not up, so that the message is lost. */
  send(message: SignalMessage): boolean {
    const sent = !this.closed && this.carrier.write({ ...message, id: this.id });
    this.used ||= sent;
    return sent;
  }

  /**
   * Sends a message, as soon as the socket is up and again if a break may have swallowed it, and gives the answer. Throws a
   * SignalingError if that is an `error`, or does not come in time (milliseconds).
   */
  async request(message: SignalMessage, limit = answerLimit): Promise<SignalMessage> {
    if (this.closed) {
      throw new SignalingError('network', 'the session has ended');
    }
    let settle!: Pending['settle'];
    const settled = new Promise<SignalMessage | SignalingError>((resolve) => {
      settle = resolve;
    });
    const pending = { message, settle };
    this.pending.add(pending);
    const timers = [setTimeout(() => settle(new SignalingError('timeout')), limit)];
    if (this.send(message) && limit > goodbyeLimit) {
      timers.push(setTimeout(() => this.carrier.doubt(), doubtAfter));
    }
    const answer = await settled;
    timers.forEach(clearTimeout);
    this.pending.delete(pending);
    if (answer instanceof SignalingError) {
      throw answer;
    }
    return answer;
  }

  /** Tells the server that it is over, and resolves when that knows. May be called twice. */
  close(): Promise<void> {
    if (!this.closed) {
      this.leaving ??= this.sayBye();
    }
    return this.leaving ?? Promise.resolve();
  }

  private async sayBye(): Promise<void> {
    for (const { message, settle } of this.pending) {
      settle(new SignalingError('network', `closed before the answer to ${message.type}`));
    }
    this.pending.clear();
    if (this.used) {
      // An error says that there is nothing of this id: as good.
      await this.request({ type: 'bye' }, goodbyeLimit).catch(() => undefined);
    }
    this.end();
  }

  /** Ends it on this side alone. */
  end(): void {
    if (!this.closed) {
      this.closed = true;
      for (const { settle } of this.pending) {
        settle(new SignalingError('network', 'the session has ended'));
      }
      this.carrier.leave(this);
    }
  }

  /** For the socket: a message came. */
  take(message: SignalMessage): void {
    const pending = [...this.pending].find(({ message: { type } }) =>
      message.type === 'error' ? (message['about'] ?? type) === type : (answers[type] ?? [type]).includes(message.type),
    );
    if (pending) {
      this.held ||= opens(pending.message) && message.type !== 'error';
      this.pending.delete(pending);
      pending.settle(message.type === 'error' ? refusal(message) : message);
    } else {
      this.dispatchEvent(new MessageEvent('message', { data: message }));
    }
    if (message.type === 'bye') {
      this.finish();
    }
  }

  /** For the socket: the server has ended it. */
  finish(): void {
    this.end();
    if (!this.leaving) {
      this.dispatchEvent(new Event('close'));
    }
  }

  /**
   * For the socket: it is there. `sessions` are the ids that the server still has, if it took up where the socket before had
   * ended; else it knows nothing of us.
   */
  begin(sessions?: readonly unknown[]): void {
    if (this.held && !sessions) {
      this.finish();
      return;
    }
    for (const { message } of this.pending) {
      if (!(opens(message) && sessions?.includes(this.id))) {
        this.send(message);
      }
    }
    this.dispatchEvent(new Event('up'));
  }

  /** For the socket: it broke, or (`failed`) could not be opened. What has no session need not wait for the next one. */
  lose(failed: boolean): void {
    if (failed && !this.held) {
      for (const { settle } of this.pending) {
        settle(new SignalingError('network'));
      }
    }
    this.dispatchEvent(new Event('down'));
  }
}

function opens({ type }: SignalMessage): boolean {
  return type === 'publish' || type === 'play';
}

/** The error that an `error` message tells. */
function refusal(message: SignalMessage): SignalingError {
  const seconds = Number(message['retryAfter'] ?? Number.NaN);
  const status = Number(Object(message['problem']).status) || 0;
  const retryAfter = Number.isNaN(seconds) ? undefined : seconds * 1000;
  return new SignalingError('refused', problemDetail(message['problem']), status, retryAfter);
}
