/** One WHEP session: a peer connection and the resource that the server keeps for it. */
import type { WhepStatistics } from '../api.ts';
import type { Candidate, SignaledSession, Signaling } from '../signal/signaling.ts';
import { WhepError } from './error.ts';
import { restartICE } from './restart.ts';
import { mediaPort, wantStereo } from './sdp.ts';
import { measure, type Sample } from './statistics.ts';

/** How long ICE and DTLS may take, milliseconds: a network that lets UDP through needs a fraction of it. */
const connectTimeout = 10_000;
/** How long a lost path may take to come back by itself, milliseconds. */
const disconnectTimeout = 3_000;
/** How long a new path may take after an ICE restart, milliseconds. */
const restartTimeout = 5_000;
/** How long the server may take to answer it, milliseconds: then a new session is the faster way. */
const restartLimit = 3_000;
/** Without media for so long, the session is asked whether it still exists, milliseconds. */
const silence = 2_000;
/** ... and then again and again, less often, because many may be waiting. */
const askAgain = 10_000;
/** A new session without media for so long is said to wait, milliseconds. */
const patience = 1_000;
/** Candidates within so many milliseconds go out together. */
const trickleInterval = 20;
/** A viewer who comes back to a delay above this gets a new session, at the live edge: milliseconds in the jitter buffer. */
const longestBuffer = 1_000;

/** What a session tells its client. */
export interface SessionListener {
  /** The tracks to show from now on. */
  tracks(tracks: readonly MediaStreamTrack[]): void;
  /** Media arrives. */
  live(): void;
  /** The server is fine, but no media arrives. */
  waiting(): void;
  statistics(statistics: WhepStatistics): void;
}

export class Session {
  readonly peerConnection: RTCPeerConnection;
  /** The data channel of the chat, if there is to be one: it is part of the offer. */
  readonly chatChannel: RTCDataChannel | undefined;
  /** When ICE and DTLS were done, by performance.now(); undefined before. */
  connectedAt: number | undefined;
  /** Whether media has ever arrived. */
  hadMedia = false;
  /** The UDP port of the server, once it has answered. */
  port: number | undefined;

  readonly #ended: Promise<never>;
  #end!: (why: unknown) => void;
  #closed = false;
  /** The goodbye, once it is on its way. */
  #left: Promise<void> | undefined;
  #signaled: SignaledSession | undefined;
  /** The answer that is set. */
  #answer = '';
  #restarted = false;
  /** What the session can show, and what it shows. */
  readonly #tracks: MediaStreamTrack[] = [];
  #shown: readonly MediaStreamTrack[] = [];
  #live = false;
  #sample: Sample | undefined;
  #bufferMs = 0;
  /** Moments by performance.now(): the answer, the loss of the path, the ICE restart, the last media, the last question to the server. */
  #answeredAt = Number.POSITIVE_INFINITY;
  #disconnectedAt = Number.POSITIVE_INFINITY;
  #restartedAt = Number.POSITIVE_INFINITY;
  #heardAt = 0;
  #askedAt = 0;

  constructor(
    private readonly signaling: Signaling,
    private readonly listener: SessionListener,
    PeerConnection: typeof RTCPeerConnection,
    chat = false,
  ) {
    this.#ended = new Promise((_, reject) => {
      this.#end = reject;
    });
    this.#ended.catch(() => undefined);
    this.peerConnection = new PeerConnection({ bundlePolicy: 'max-bundle' });
    this.chatChannel = chat ? this.peerConnection.createDataChannel('chat') : undefined;
  }

  /**
   * Runs the session until it is lost or the signal aborts it, and ends it; rejects with a WhepError, or with the signal's
   * reason. The tracks keep their last picture until release().
   */
  async run(signal: AbortSignal): Promise<never> {
    const abort = () => this.#end(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const ticker = setInterval(() => void this.#tick(), 1000);
    try {
      this.#listen();
      await Promise.race([this.#connect(signal), this.#ended]);
      return await this.#ended;
    } finally {
      signal.removeEventListener('abort', abort);
      clearInterval(ticker);
      this.#leave();
    }
  }

  /** Frees the peer connection, after the goodbye: a server that sees the connection close first has no session left to delete. */
  async release(): Promise<void> {
    await this.#left;
    this.peerConnection.close();
  }

  /** Looks after the session now: when the computer woke up, the tab is seen again, or the network came back. */
  check(): void {
    const state = this.peerConnection.connectionState;
    if (this.#bufferMs > longestBuffer) {
      this.#end(new WhepError('interrupted'));
    } else if (state === 'disconnected') {
      void this.#restart();
    } else if (state === 'connected') {
      void this.#ask();
    }
  }

  /**
   * The offer goes out before it becomes the local description, so that the ICE servers that come with the answer are known
   * when candidates are gathered. It needs none itself: the server learns them from the connectivity checks.
   */
  async #connect(signal: AbortSignal): Promise<void> {
    const pc = this.peerConnection;
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    const { sdp = '' } = await pc.createOffer();
    const offer = wantStereo(sdp);
    const signaled = await this.signaling.open(offer, signal);
    if (this.#closed) {
      await signaled.close();
      return;
    }
    this.#signaled = signaled;
    void signaled.ended.then(() => this.#end(new WhepError('gone')));
    this.#answer = signaled.answer;
    this.#answeredAt = performance.now();
    this.port = mediaPort(signaled.answer);
    try {
      if (signaled.iceServers.length > 0) {
        pc.setConfiguration({ ...pc.getConfiguration(), iceServers: signaled.iceServers });
      }
      if (signaled.takesICE) {
        this.#trickle(signaled);
      }
      await pc.setLocalDescription({ type: 'offer', sdp: offer });
      await pc.setRemoteDescription({ type: 'answer', sdp: signaled.answer });
      this.#show(this.#tracks);
    } catch (error) {
      throw new WhepError('rejected', error instanceof Error ? error.message : '');
    }
  }

  #listen(): void {
    const pc = this.peerConnection;
    pc.addEventListener('track', ({ track }) => {
      this.#tracks.push(track);
      track.addEventListener('unmute', () => this.#arrived(track));
    });
    pc.addEventListener('connectionstatechange', () => {
      const state = pc.connectionState;
      this.#disconnectedAt = state === 'disconnected' ? performance.now() : Number.POSITIVE_INFINITY;
      if (state === 'connected') {
        this.#restartedAt = Number.POSITIVE_INFINITY;
        if (this.connectedAt === undefined) {
          this.connectedAt = this.#heardAt = performance.now();
        }
      } else if (state === 'failed' || state === 'closed') {
        this.#end(new WhepError(this.connectedAt === undefined ? 'blocked' : 'interrupted'));
      }
    });
  }

  /** Looks for another path by an ICE restart, once for each loss. A server that can't do it gets a new session. */
  async #restart(): Promise<void> {
    if (this.#restartedAt !== Number.POSITIVE_INFINITY || this.#closed) {
      return;
    }
    this.#restartedAt = performance.now();
    this.#restarted = true;
    const signaled = this.#signaled;
    try {
      if (!signaled?.takesICE) {
        throw new WhepError('interrupted');
      }
      this.#answer = await restartICE(this.peerConnection, this.#answer, wantStereo, (fragment) =>
        signaled.restart(fragment, restartLimit),
      );
    } catch {
      this.#end(new WhepError('interrupted'));
    }
  }

  /** Sends candidates to a server that takes them, those of one moment together. */
  #trickle(signaled: SignaledSession): void {
    const pc = this.peerConnection;
    const batch: Candidate[] = [];
    let due = false;
    const send = () => {
      due = false;
      if (!this.#closed && !this.#restarted) {
        const complete = pc.iceGatheringState === 'complete';
        void signaled.trickle(pc.localDescription?.sdp ?? '', batch.splice(0), complete);
      }
    };
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate?.candidate) {
        batch.push(candidate);
      }
      if (!due) {
        due = true;
        setTimeout(send, trickleInterval);
      }
    });
  }

  /** Once a second: what arrived, and whether what should have happened has. */
  async #tick(): Promise<void> {
    const now = performance.now();
    if (this.connectedAt === undefined) {
      if (now - this.#answeredAt >= connectTimeout) {
        this.#end(new WhepError('blocked'));
      }
      return;
    }
    if (now - this.#restartedAt >= restartTimeout) {
      this.#end(new WhepError('interrupted'));
    } else if (now - this.#disconnectedAt >= disconnectTimeout) {
      this.check();
    }
    const report = await this.peerConnection.getStats().catch(() => undefined);
    if (report && !this.#closed) {
      this.#read(report);
    }
  }

  #read(report: RTCStatsReport): void {
    const { statistics, sample } = measure(report, this.#sample);
    const now = performance.now();
    if (received(sample) > received(this.#sample)) {
      this.#heardAt = now;
      this.#arrived();
      // A player waits for the first picture of a silent track: show only the kinds that have media.
      this.#show(this.#tracks.filter((track) => (track.kind === 'audio' ? sample.audio : sample.video).bytes > 0));
    } else if (!this.#live && now - this.#heardAt >= patience) {
      this.listener.waiting();
    }
    this.#sample = sample;
    this.#bufferMs = statistics.jitterBufferMs ?? 0;
    if (now - this.#heardAt >= silence && now - this.#askedAt >= (this.#live ? silence : askAgain)) {
      void this.#ask();
    }
    this.listener.statistics(statistics);
  }

  /** Asks the server about the session: one that it has forgotten is lost, one that it knows waits for media. */
  async #ask(): Promise<void> {
    if (!this.#signaled) {
      return;
    }
    this.#askedAt = performance.now();
    if ((await this.#signaled.exists()) === false) {
      this.#end(new WhepError('gone'));
    } else if (performance.now() - this.#heardAt >= silence && !this.#closed) {
      this.#live = false;
      this.listener.waiting();
    }
  }

  #arrived(track?: MediaStreamTrack): void {
    if (this.#closed) {
      return;
    }
    if (track && !this.#shown.includes(track)) {
      this.#show([...this.#shown, track]);
    }
    if (!this.#live) {
      this.#live = this.hadMedia = true;
      this.listener.live();
    }
  }

  #show(tracks: readonly MediaStreamTrack[]): void {
    const same = tracks.length === this.#shown.length && tracks.every((track) => this.#shown.includes(track));
    if (!same && !this.#closed) {
      this.#shown = [...tracks];
      this.listener.tracks(this.#shown);
    }
  }

  #leave(): void {
    this.#closed = true;
    this.#left = this.#signaled?.close();
  }
}

function received(sample: Sample | undefined): number {
  return sample ? sample.audio.bytes + sample.video.bytes : 0;
}
