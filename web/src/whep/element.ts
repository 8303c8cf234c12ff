/** `<whep-video>`: a WHEP session as a media element. */
import { CustomVideoElement } from 'custom-media-element';
import type { WhepReason, WhepState, WhepStateDetail, WhepStatistics, WhepVideoElement } from '../api.ts';
import { language, languageChange, spoken } from '../i18n/index.ts';
import { signalingWay } from '../signal/choose.ts';
import type { SignalingWay } from '../signal/signaling.ts';
import { WhepClient, type WhepStatus } from './client.ts';
import { describe } from './messages.ts';

/**
 * A media element whose `src` is a WHEP endpoint. It has the whole API of HTMLVideoElement, so it fits into every player
 * interface that is made for `<video>`. It connects by itself when it has a src (see preload), keeps trying when it loses the stream, ends
 * its session when the page is left and begins a new one when the page comes back. pause() keeps the session; play() goes
 * on at the live edge.
 *
 * @tag whep-video
 * @attr {string} src - The URL of the WHEP endpoint.
 * @attr {string} token - The bearer token for it.
 * @attr {string} signaling - "ws": over a WebSocket to /signal of the same server, instead of "http".
 * @attr {boolean} autoplay - Play without being asked to. Browsers allow this without a gesture only when muted.
 * @attr {string} preload - "none": connect at the first play(), unless autoplay is set.
 * @attr {boolean} muted - Begin without sound.
 * @attr {boolean} controls - Show the browser's own controls.
 * @attr {string} poster - A picture to show until the first frame.
 * @attr {boolean} chat - Have a data channel for `<bongsu-chat>` in each session.
 * @attr {string} lang - The language of messages, "en" or "ko", instead of the reader's own.
 * @prop {string | null} src - The URL of the WHEP endpoint; a change begins a new session.
 * @prop {string | null} token - The bearer token; a change begins a new session.
 * @prop {SignalingWay} signaling - "http" or "ws"; a change begins a new session.
 * @prop {WhepState} state - Where the session stands; read-only.
 * @prop {WhepReason | undefined} reason - Why; read-only.
 * @prop {WhepStatistics | undefined} statistics - The latest statistics; read-only.
 * @prop {RTCPeerConnection | undefined} peerConnection - The peer connection of the session; read-only.
 * @prop {RTCDataChannel | undefined} chatChannel - The data channel of the session for the chat; read-only.
 * @fires chatchannel - There is another `chatChannel`.
 * @fires {CustomEvent<WhepStateDetail>} statechange - The state or its reason changed.
 * @fires {CustomEvent<WhepStatistics>} statistics - Once a second while there is a session.
 * @csspart video - The native video element.
 */
export class WhepVideo extends CustomVideoElement implements WhepVideoElement {
  static override get observedAttributes(): string[] {
    return [...CustomVideoElement.observedAttributes, 'token', 'signaling', 'lang'];
  }

  readonly #client: WhepClient;
  #statistics: WhepStatistics | undefined;
  #tracks: readonly MediaStreamTrack[] = [];
  #beginning = false;
  #suspended = false;
  #listening: AbortController | undefined;

  constructor() {
    super();
    const element = this;
    this.#client = new WhepClient(
      {
        get endpoint() {
          return element.src ?? '';
        },
        get token() {
          return element.token;
        },
        get signaling() {
          return element.signaling;
        },
        get PeerConnection() {
          return RTCPeerConnection;
        },
        get chat() {
          return element.hasAttribute('chat');
        },
        fetch: (input, init) => fetch(input, init),
      },
      {
        status: (status) => this.#statusChanged(status),
        tracks: (tracks) => this.#tracksChanged(tracks),
        statistics: (statistics) => this.#measured(statistics),
        chatChannel: () => this.dispatchEvent(new Event('chatchannel')),
      },
    );
    this.addEventListener('play', () => this.state === 'idle' && this.reconnect());
  }

  get token(): string | null {
    return this.getAttribute('token');
  }

  set token(value: string | null) {
    if (value === null) {
      this.removeAttribute('token');
    } else {
      this.setAttribute('token', value);
    }
  }

  get signaling(): SignalingWay {
    return signalingWay(this.getAttribute('signaling'));
  }

  set signaling(value: SignalingWay) {
    this.setAttribute('signaling', value);
  }

  get state(): WhepState {
    return this.#client.status.state;
  }

  get reason(): WhepReason | undefined {
    return this.#client.status.reason;
  }

  get statistics(): WhepStatistics | undefined {
    return this.#statistics;
  }

  get peerConnection(): RTCPeerConnection | undefined {
    return this.#client.peerConnection;
  }

  get chatChannel(): RTCDataChannel | undefined {
    return this.#client.chatChannel;
  }

  /** Begins a new session now, whatever the state. */
  reconnect(): void {
    this.#statistics = undefined;
    if (this.src && this.isConnected) {
      this.#client.start();
    } else {
      this.#client.close();
    }
  }

  /** Pauses, ends the session, and stays idle until reconnect() or play() is called, or src changes. */
  close(): void {
    this.pause();
    this.#leave();
  }

  #leave(): void {
    this.#statistics = undefined;
    this.#client.close();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.nativeEl.playsInline = true;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    addEventListener('pagehide', () => this.#suspend(), { signal });
    addEventListener('pageshow', () => this.#resume(), { signal });
    addEventListener('online', () => this.#client.wake(), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#client.wake(), { signal });
    languageChange.addEventListener('change', () => this.#announce(), { signal });
    this.#begin();
  }

  override disconnectedCallback(): void {
    this.#listening?.abort();
    this.#leave();
    this.nativeEl.srcObject = null;
    super.disconnectedCallback();
  }

  override attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (name === 'src' || name === 'token' || name === 'signaling') {
      // Not for the native element, which would load the endpoint as a file.
      if (before !== now) {
        this.#begin();
      }
      return;
    }
    super.attributeChangedCallback(name, before, now);
    if (name === 'lang' && this.state !== 'idle') {
      this.#announce();
    }
  }

  /** The template of a video element, without the src that is not for it. */
  static override getTemplateHTML = ({ src: _, ...attributes }: Record<string, string>): string =>
    CustomVideoElement.getTemplateHTML(attributes);

  /** A new session, once for all attributes that change at one time. */
  #begin(): void {
    if (this.#beginning || !this.isConnected) {
      return;
    }
    this.#beginning = true;
    queueMicrotask(() => {
      this.#beginning = false;
      this.#play(null);
      if (this.getAttribute('preload') !== 'none' || this.autoplay || !this.paused) {
        this.reconnect();
      } else {
        this.#leave();
      }
    });
  }

  #suspend(): void {
    this.#suspended = this.state !== 'idle';
    const { peerConnection } = this;
    this.#leave();
    peerConnection?.close(); // at once: an open connection keeps the page from the back/forward cache
  }

  /** The page came back from the back/forward cache. */
  #resume(): void {
    if (this.#suspended) {
      this.#suspended = false;
      this.reconnect();
    }
  }

  #statusChanged(status: WhepStatus): void {
    if (status.state === 'live') {
      this.#show();
    }
    this.#announce();
  }

  #announce(): void {
    const detail = describe(this.#client.status, spoken(this.getAttribute('lang')) ?? language());
    this.dispatchEvent(new CustomEvent<WhepStateDetail>('statechange', { detail }));
  }

  #measured(statistics: WhepStatistics): void {
    this.#statistics = statistics;
    this.dispatchEvent(new CustomEvent<WhepStatistics>('statistics', { detail: statistics }));
  }

  /** The tracks of a later session wait until they have media: until then the last picture stays. */
  #tracksChanged(tracks: readonly MediaStreamTrack[]): void {
    this.#tracks = tracks;
    if (!this.nativeEl.srcObject || this.state === 'live') {
      this.#show();
    }
  }

  #show(): void {
    const { srcObject } = this.nativeEl;
    const shown = srcObject instanceof MediaStream ? srcObject.getTracks() : [];
    if (shown.length !== this.#tracks.length || this.#tracks.some((track) => !shown.includes(track))) {
      this.#play(new MediaStream([...this.#tracks]));
    }
  }

  /** Changes the source. A video then forgets whether it plays (HTML, media element load algorithm); this one does not. */
  #play(stream: MediaStream | null): void {
    const video = this.nativeEl;
    const { paused, srcObject } = video;
    if (srcObject === stream) {
      return;
    }
    video.srcObject = stream;
    if (!paused) {
      // A refusal leaves the video paused, as it would be with any source.
      video.play().catch(() => undefined);
    } else if (srcObject !== null) {
      video.pause();
    }
  }
}

customElements.get('whep-video') ?? customElements.define('whep-video', WhepVideo);
