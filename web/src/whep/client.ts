/**
 * A WHEP client that keeps watching (draft-ietf-wish-whep-03): it opens one session after another, with pauses between them,
 * and tells where it stands. It knows no elements: `<whep-video>` shows what it gets.
 */
import type { WhepReason, WhepState } from '../api.ts';
import { signalingOf } from '../signal/choose.ts';
import type { Access } from '../signal/signaling.ts';
import { pauseAfter } from './backoff.ts';
import { toWhepError, type WhepError } from './error.ts';
import { Session, type SessionListener } from './session.ts';

export interface WhepClientOptions extends Access {
  readonly PeerConnection: typeof RTCPeerConnection;
  /** Whether sessions have a data channel for the chat. */
  readonly chat?: boolean;
  /** A number from 0 to 1, for the pauses. */
  readonly random?: () => number;
}

/** Where the client stands, and what there is to say about it. */
export interface WhepStatus {
  readonly state: WhepState;
  readonly reason: WhepReason | undefined;
  /** The server's own words. */
  readonly detail: string;
  /** The UDP port of the server, if it is known. */
  readonly port: number | undefined;
}

export interface WhepClientListener extends Pick<SessionListener, 'tracks' | 'statistics'> {
  status(status: WhepStatus): void;
  /** There is another data channel for the chat. */
  chatChannel?(): void;
}

/** A session of at least so many milliseconds was a good one: the next failure is a first one again. */
const goodSession = 10_000;

/** Reasons that no new attempt can cure: a person has to do something. */
const hopeless: readonly WhepReason[] = ['unauthorized', 'forbidden', 'codec', 'rejected', 'unsupported'];

/** How many failures in a row it takes to say "failed"; attempts go on behind it. The others are never said to have failed. */
const tolerance: Partial<Record<WhepReason, number>> = { blocked: 1, unreachable: 4, server: 4 };

export class WhepClient {
  status: WhepStatus = { state: 'idle', reason: undefined, detail: '', port: undefined };

  #running: AbortController | undefined;
  #session: Session | undefined;
  /** The latest session that had media: its last picture is worth keeping until the next one has one. */
  #previous: Session | undefined;
  #wake: (() => void) | undefined;

  constructor(
    private readonly options: WhepClientOptions,
    private readonly listener: WhepClientListener,
  ) {}

  get peerConnection(): RTCPeerConnection | undefined {
    return this.#session?.peerConnection;
  }

  get chatChannel(): RTCDataChannel | undefined {
    return this.#session?.chatChannel;
  }

  /** Begins, or begins anew. */
  start(): void {
    this.#stop();
    this.#running = new AbortController();
    this.#say('connecting');
    void this.#run(this.#running.signal);
  }

  /** Ends the session. Twice is fine. */
  close(): void {
    this.#stop();
    this.#keep(undefined);
    this.#say('idle');
  }

  #stop(): void {
    this.#running?.abort();
    this.#running = this.#session = undefined;
    this.#wake?.();
  }

  /** Something changed for the better, perhaps: cut a pause short, look after the session. */
  wake(): void {
    this.#wake?.();
    this.#session?.check();
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let failures = 1; !signal.aborted; failures++) {
      const error = await this.#watch(signal);
      if (signal.aborted) {
        return;
      }
      const connectedAt = this.#session?.connectedAt ?? Number.POSITIVE_INFINITY;
      if (performance.now() - connectedAt >= goodSession) {
        failures = 1;
      }
      this.#say(stateAfter(error.reason, failures), error.reason, error.detail);
      if (hopeless.includes(error.reason)) {
        return;
      }
      await this.#pause(pauseAfter(failures, error.retryAfter, this.options.random));
    }
  }

  /** One session, from its offer to its end. */
  async #watch(signal: AbortSignal): Promise<WhepError> {
    const listener: SessionListener = {
      tracks: (tracks) => signal.aborted || this.listener.tracks(tracks),
      statistics: (statistics) => signal.aborted || this.listener.statistics(statistics),
      live: () => signal.aborted || this.#arrived(),
      waiting: () => signal.aborted || this.#say('waiting', 'offline'),
    };
    let session: Session | undefined;
    try {
      const { PeerConnection, chat } = this.options;
      this.#session = session = new Session(signalingOf('play', this.options), listener, PeerConnection, chat);
      if (chat) {
        this.listener.chatChannel?.();
      }
      return await session.run(signal);
    } catch (error) {
      return toWhepError(error);
    } finally {
      if (session?.hadMedia && this.#running) {
        this.#keep(session);
      } else {
        void session?.release();
      }
    }
  }

  #arrived(): void {
    this.#say('live');
    this.#keep(undefined);
  }

  #keep(session: Session | undefined): void {
    void this.#previous?.release();
    this.#previous = session;
  }

  /** Waits, or until somebody wakes it. */
  async #pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #say(state: WhepState, reason?: WhepReason, detail = ''): void {
    const port = this.#session?.port;
    if (this.status.state !== state || this.status.reason !== reason || this.status.detail !== detail) {
      this.status = { state, reason, detail, port };
      this.listener.status(this.status);
    }
  }
}

function stateAfter(reason: WhepReason, failures: number): WhepState {
  if (reason === 'offline') {
    return 'waiting';
  }
  const enough = hopeless.includes(reason) || failures >= (tolerance[reason] ?? Number.POSITIVE_INFINITY);
  return enough ? 'failed' : 'reconnecting';
}
