import type { SignaledSession, Signaling } from '../signal/signaling.ts';
import { restartICE } from '../whep/restart.ts';
import { codecPreferences, type VideoCodec } from './codecs.ts';
import { WhipError } from './error.ts';
import { type AudioEncoding, announceStereo, tuneAnswer } from './sdp.ts';

/** The tracks to send. A kind that is null at the start is not offered. */
export interface Tracks {
  video: MediaStreamTrack | null;
  audio: MediaStreamTrack | null;
}

/** How to encode. Bitrates in bit/s; frame rate in frames a second. */
export interface Encoding {
  codec: VideoCodec | 'auto';
  maxBitrate: number;
  maxFramerate: number;
  audio: AudioEncoding;
}

export interface SessionOptions {
  signaling: Signaling;
  createPeer: (configuration: RTCConfiguration) => RTCPeerConnection;
  tracks: Tracks;
  encoding: Encoding;
  iceServers: RTCIceServer[];
  /** Whether there is to be a data channel for the chat. */
  chat?: boolean;
  signal: AbortSignal;
}

/** How long candidates are gathered before the offer goes out. Later ones are found by the server's own checks (RFC 8445 section 7.3.1.3). */
const gatherLimit = 1000;
const connectLimit = 15_000;
/** A connection that is silent this long is given up; browsers alone take up to half a minute. */
const silenceLimit = 6000;
/** ... and looks for another path before that. */
const restartAfter = 2000;

const kinds = ['audio', 'video'] as const;

/** One WHIP session (RFC 9725): from its offer to its end. It does not retry; WhipClient does. */
export class WhipSession {
  /** Settles with the reason when the session breaks or is ended by the server; never after close(). */
  readonly ended: Promise<WhipError>;
  /** ICE servers that came with the answer, for the next session. */
  iceServers: RTCIceServer[] = [];

  readonly peer: RTCPeerConnection;
  /** The data channel of the chat, if there is to be one: it is part of the offer. */
  readonly chatChannel: RTCDataChannel | undefined;
  private readonly senders = new Map<'audio' | 'video', RTCRtpSender>();
  private readonly watch = new AbortController();
  private signaled: SignaledSession | undefined;
  /** The answer that is set, if the server restarts ICE. */
  private answer = '';
  private closing: Promise<void> | undefined;
  private end: (reason: WhipError) => void = () => {};

  private constructor(private readonly options: SessionOptions) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.peer = options.createPeer({ bundlePolicy: 'max-bundle', iceServers: options.iceServers });
    this.chatChannel = options.chat ? this.peer.createDataChannel('chat') : undefined;
  }

  /** Publishes; resolves when media flows. Throws a WhipError, or the reason of the signal. Nothing is left behind on failure. */
  static async open(options: SessionOptions): Promise<WhipSession> {
    options.signal.throwIfAborted();
    const session = new WhipSession(options);
    try {
      await session.negotiate();
      await session.connected();
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Sends other tracks from now on. False if a kind is new to the session, so that it must be negotiated anew. */
  async replace(tracks: Tracks): Promise<boolean> {
    if (kinds.some((kind) => tracks[kind] && !this.senders.has(kind))) {
      return false;
    }
    await Promise.all([...this.senders].map(([kind, sender]) => sender.replaceTrack(tracks[kind])));
    return true;
  }

  /** Changes bitrate and frame rate while sending. */
  async encode(encoding: Encoding): Promise<void> {
    const sender = this.senders.get('video');
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings.length) {
      return;
    }
    for (const one of parameters.encodings) {
      Object.assign(one, limits(encoding));
    }
    await sender.setParameters(parameters);
  }

  /** Ends the session at the server (RFC 9725 section 4.2) and closes the connection. Survives the page; may be called twice. */
  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  /** In this order: a server that sees the connection close first has no session left to delete. */
  private async leave(): Promise<void> {
    this.watch.abort();
    for (const sender of this.senders.values()) {
      // No picture leaves after this, however long the server takes.
      sender.replaceTrack(null).catch(() => undefined);
    }
    await this.signaled?.close();
    this.peer.close();
  }

  private async negotiate(): Promise<void> {
    this.addTracks();
    await this.peer.setLocalDescription();
    await gathered(this.peer, this.options.signal);
    const { audio, maxBitrate } = this.options.encoding;
    const offer = this.peer.localDescription?.sdp ?? '';
    const { signaling, signal } = this.options;
    const signaled = await signaling.open(audio.stereo ? announceStereo(offer) : offer, signal);
    this.signaled = signaled;
    signal.throwIfAborted();
    this.iceServers = signaled.iceServers;
    const tuned = tuneAnswer(signaled.answer, audio, maxBitrate);
    await this.peer.setRemoteDescription({ type: 'answer', sdp: tuned });
    this.answer = signaled.takesICE ? tuned : '';
  }

  /** Looks for another path (RFC 9725 section 4.3.3). A failure needs no answer: the silence that it leaves ends the session. */
  private async restart(): Promise<void> {
    const { peer, signaled, options } = this;
    if (this.answer === '' || !signaled) {
      return;
    }
    const edit = (offer: string) => (options.encoding.audio.stereo ? announceStereo(offer) : offer);
    try {
      this.answer = await restartICE(peer, this.answer, edit, (fragment) =>
        signaled.restart(fragment, silenceLimit - restartAfter),
      );
    } catch {
      this.answer = ''; // another attempt would not do better
    }
  }

  private addTracks(): void {
    const { tracks, encoding } = this.options;
    // One stream for all tracks: RFC 9725 section 4.4.2.
    const streams = [new MediaStream()];
    for (const kind of kinds) {
      const track = tracks[kind];
      if (!track) {
        continue;
      }
      const sendEncodings = [kind === 'video' ? limits(encoding) : { maxBitrate: encoding.audio.maxBitrate }];
      const transceiver = this.peer.addTransceiver(track, { direction: 'sendonly', streams, sendEncodings });
      this.senders.set(kind, transceiver.sender);
      const preferences =
        kind === 'video'
          ? codecPreferences(encoding.codec, globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [])
          : [];
      if (preferences.length > 0) {
        prefer(transceiver, preferences);
      }
    }
  }

  /** Waits until media can flow, then watches for its end. */
  private connected(): Promise<void> {
    const { peer, options, watch } = this;
    return new Promise((resolve, reject) => {
      let live = false;
      let silence: ReturnType<typeof setTimeout> | undefined;
      let search: ReturnType<typeof setTimeout> | undefined;
      const fail = (kind: 'media' | 'lost' | 'closed') => {
        const error = new WhipError(live ? kind : 'media');
        reject(error);
        this.end(error);
      };
      const limit = setTimeout(() => fail('media'), connectLimit);
      const look = () => {
        clearTimeout(search);
        if (peer.connectionState === 'connected') {
          live = true;
          clearTimeout(limit);
          clearTimeout(silence);
          silence = undefined;
          resolve();
        } else if (peer.connectionState === 'failed' || peer.connectionState === 'closed') {
          fail('lost');
        } else if (peer.connectionState === 'disconnected') {
          silence ??= setTimeout(() => fail('lost'), silenceLimit); // a restart alone does not end it
          search = setTimeout(() => void this.restart(), restartAfter);
        }
      };
      watch.signal.addEventListener('abort', () => {
        clearTimeout(limit);
        clearTimeout(silence);
        clearTimeout(search);
      });
      const { signal } = watch;
      peer.addEventListener('connectionstatechange', look, { signal });
      // A server that ends the session closes DTLS; the connection's own state would notice only after half a minute.
      const transport = [...this.senders.values()][0]?.transport;
      const ended = () => {
        if (transport?.state === 'closed') {
          this.signaled?.forget();
          fail('closed');
        }
      };
      transport?.addEventListener('statechange', ended, { signal });
      void this.signaled?.ended.then(() => signal.aborted || fail('closed'));
      options.signal.addEventListener('abort', () => reject(options.signal.reason), { signal });
      look();
    });
  }
}

/** An old browser refuses codecs that it can send and not receive, or knows no preferences: its own order does, too. */
function prefer(transceiver: RTCRtpTransceiver, codecs: RTCRtpCodec[]): void {
  try {
    transceiver.setCodecPreferences(codecs);
  } catch {
    return;
  }
}

function limits({ maxBitrate, maxFramerate }: Encoding): RTCRtpEncodingParameters {
  return { maxBitrate, maxFramerate };
}

/** Waits for the end of gathering, or as long as is worth waiting. */
async function gathered(peer: RTCPeerConnection, signal: AbortSignal): Promise<void> {
  if (peer.iceGatheringState === 'complete') {
    return;
  }
  const done = new AbortController();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, gatherLimit);
    const look = () => peer.iceGatheringState === 'complete' && resolve();
    peer.addEventListener('icegatheringstatechange', look, { signal: done.signal });
    signal.addEventListener('abort', () => resolve(), { signal: done.signal });
    done.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  done.abort();
  signal.throwIfAborted();
}
