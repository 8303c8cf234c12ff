import { signalingOf } from '../signal/choose.ts';
import type { SignalingWay } from '../signal/signaling.ts';
import { pauseAfter } from '../whep/backoff.ts';
import { iceServers } from '../whep/link.ts';
import { toWhipError, type WhipError } from './error.ts';
import { type Encoding, type Tracks, WhipSession } from './session.ts';

export { WhipError, type WhipErrorKind } from './error.ts';
export type { Encoding, Tracks } from './session.ts';

/**
 * - `idle`: nothing is sent; `connecting`: the first connection is being made; `live`: media flows;
 * - `reconnecting`: it broke and will be tried again; `failed`: it ended with `error`, and only start() tries again.
 */
export type WhipState = 'idle' | 'connecting' | 'live' | 'reconnecting' | 'failed';

export interface WhipOptions {
  /** URL of the WHIP endpoint, relative to the page or absolute. */
  endpoint: string;
  /** Stream key, sent as bearer token (RFC 6750). */
  token?: string;
  /** HTTP, or a WebSocket to /signal of the same server. */
  signaling?: SignalingWay;
  /**
   * Asked when the server ended a session: has another publisher taken the stream? Then this one gives way,
   * as two that reconnect would take it from each other forever.
   */
  takenOver?: () => Promise<boolean>;
  /** Whether sessions have a data channel for the chat. */
  chat?: boolean;
  /** A number from 0 to 1 that spreads retries. */
  random?: () => number;
  fetch?: typeof fetch;
  createPeer?: (configuration: RTCConfiguration) => RTCPeerConnection;
}

/** How long another publisher may need, after it ended our session, until its media flows; in ms. */
const successionTime = 2000;

/**
 * Publishes tracks by WHIP (RFC 9725), and publishes again when the connection breaks. Sends `statechange` when `state`,
 * `error` or `retryAt` change.
 */
export class WhipClient extends EventTarget {
  state: WhipState = 'idle';
  /** What went wrong last; undefined while all is well. */
  error: WhipError | undefined;
  /** When the next attempt starts (ms since 1970), 0 if none is waiting. */
  retryAt = 0;

  private readonly options: Required<WhipOptions>;
  private run: AbortController | undefined;
  private session: WhipSession | undefined;
  private renewal: (() => void) | undefined;
  private tracks: Tracks = { audio: null, video: null };
  private encoding: Encoding | undefined;
  private servers: RTCIceServer[] = [];

  constructor(options: WhipOptions) {
    super();
    this.options = {
      token: '',
      signaling: 'http',
      takenOver: async () => false,
      chat: false,
      random: Math.random,
      fetch: (...request) => fetch(...request),
      createPeer: (configuration) => new RTCPeerConnection(configuration),
      ...options,
      endpoint: new URL(options.endpoint, document.baseURI).href,
    };
  }

  /** The peer connection that sends now, for statistics. */
  get peer(): RTCPeerConnection | undefined {
    return this.session?.peer;
  }

  get peerConnection(): RTCPeerConnection | undefined {
    return this.peer;
  }

  /** The data channel for the chat of the session that sends now. The event `chatchannel` tells of another one. */
  get chatChannel(): RTCDataChannel | undefined {
    return this.session?.chatChannel;
  }

  /** Starts to publish. The first attempt is the only one until it has worked once: a wrong key should say so at once. */
  start(tracks: Tracks, encoding: Encoding): void {
    void this.stop();
    this.tracks = tracks;
    this.encoding = encoding;
    this.run = new AbortController();
    addEventListener('pagehide', () => this.leavePage(), { signal: this.run.signal });
    this.change('connecting');
    void this.publish(this.run.signal);
  }

  /** Ends the session and tells the server. Resolves when it knows; may be called twice. */
  async stop(): Promise<void> {
    const { run, session } = this;
    this.run = undefined;
    this.session = undefined;
    run?.abort();
    if (run) {
      this.change('idle');
    }
    await session?.close();
  }

  /** Closes the connection at once: an open one keeps the page from the back/forward cache. */
  private leavePage(): void {
    const { peer } = this;
    void this.stop();
    peer?.close();
  }

  /** Sends other tracks; viewers keep their session. A kind that was not offered makes a new session at once. */
  async replace(tracks: Tracks): Promise<void> {
    this.tracks = tracks;
    if ((await this.session?.replace(tracks)) === false) {
      this.renewal?.();
    }
  }

  /** Changes bitrate and frame rate. Codec and sound settings are taken over by the next session. */
  async encode(encoding: Encoding): Promise<void> {
    this.encoding = encoding;
    await this.session?.encode(encoding);
  }

  private async publish(signal: AbortSignal): Promise<void> {
    this.servers = await this.discover(signal);
    let wasLive = false;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const error = await this.publishOnce(signal, () => {
        wasLive = true;
        attempt = 0;
      });
      if (signal.aborted) {
        return;
      }
      if (!error) {
        this.change('connecting');
        continue;
      }
      if (!wasLive || !error.transient) {
        this.fail(error);
        return;
      }
      const least = error.kind === 'closed' ? successionTime : error.retryAfter * 1000;
      const wait = pauseAfter(attempt + 1, least, this.options.random);
      this.change('reconnecting', error, Date.now() + wait);
      await pause(wait, signal);
      if (error.kind === 'closed' && !signal.aborted && (await this.takenOver()) && !signal.aborted) {
        this.fail(error);
        return;
      }
    }
  }

  /** One session from beginning to end. Gives why it ended, or undefined if it is to be renewed. */
  private async publishOnce(signal: AbortSignal, live: () => void): Promise<WhipError | undefined> {
    const { createPeer } = this.options;
    const { tracks, encoding, servers } = this;
    if (!encoding) {
      return undefined;
    }
    let session: WhipSession | undefined;
    try {
      session = await WhipSession.open({
        signaling: signalingOf('publish', this.options),
        createPeer,
        tracks,
        encoding,
        iceServers: servers,
        chat: this.options.chat,
        signal,
      });
      if (session.iceServers.length > 0) {
        this.servers = session.iceServers;
      }
      const renewed = new Promise<undefined>((resolve) => {
        this.renewal = () => resolve(undefined);
      });
      this.session = session;
      if (session.chatChannel) {
        this.dispatchEvent(new Event('chatchannel'));
      }
      live();
      // Tracks and bitrate may have changed while it connected.
      if (!(await session.replace(this.tracks))) {
        return undefined;
      }
      await session.encode(this.encoding ?? encoding);
      this.change('live');
      return await Promise.race([session.ended, renewed, aborted(signal)]);
    } catch (thrown) {
      return toWhipError(thrown);
    } finally {
      if (this.session === session) {
        this.session = undefined;
      }
      await session?.close();
    }
  }

  private fail(error: WhipError): void {
    this.run?.abort();
    this.run = undefined;
    this.change('failed', error);
  }

  private async takenOver(): Promise<boolean> {
    try {
      return await this.options.takenOver();
    } catch {
      return false;
    }
  }

  /** ICE servers by OPTIONS (RFC 9725 section 4.6). A server that does not answer it has none for us. */
  private async discover(signal: AbortSignal): Promise<RTCIceServer[]> {
    const { endpoint, token, fetch } = this.options;
    try {
      const response = await fetch(endpoint, {
        method: 'OPTIONS',
        ...(token && { headers: { Authorization: `Bearer ${token}` } }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]),
      });
      return response.ok ? iceServers(response.headers.get('Link')) : [];
    } catch {
      return [];
    }
  }

  private change(state: WhipState, error?: WhipError, retryAt = 0): void {
    this.state = state;
    this.error = error;
    this.retryAt = retryAt;
    this.dispatchEvent(new Event('statechange'));
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

/** Waits; shorter if the network comes back or the signal says so. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    done.signal.addEventListener('abort', () => clearTimeout(timer));
    addEventListener('online', () => resolve(), { signal: done.signal });
    signal.addEventListener('abort', () => resolve(), { signal: done.signal });
  });
  done.abort();
}
