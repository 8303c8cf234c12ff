/**
 * What `<whep-video>`, `<bongsu-player>` and `<bongsu-chat>` offer to a page. Nothing but declarations: this file is also the declaration
 * file of /player.js, served as /player.d.ts.
 *
 * ```html
 * <script type="module" src="https://host/player.js"></script>
 * <bongsu-player src="https://host/whep/lobby" autoplay controls></bongsu-player>
 * ```
 */

/**
 * Where a viewing session stands.
 *
 * - `idle`: nothing to play (no src), or closed.
 * - `connecting`: the offer is on its way, or ICE and DTLS are at work.
 * - `waiting`: the server is fine; the stream has not begun, or the publisher pauses. It begins by itself.
 * - `live`: media arrives.
 * - `reconnecting`: the session was lost; a new one is being tried, with growing pauses.
 * - `failed`: nothing to see for now: `reason` says why, `message` what to do. Where time may cure it, attempts go on.
 */
export type WhepState = 'idle' | 'connecting' | 'waiting' | 'live' | 'reconnecting' | 'failed';

/** Why a session is in its state; undefined when there is nothing to explain. */
export type WhepReason =
  /** The stream has not begun: 404 or 409 from the endpoint, or a session without media. */
  | 'offline'
  /** The server cannot be reached: the network is down, the server is, or CORS forbids. */
  | 'unreachable'
  /** The server has an error or is full: 5xx or 429. */
  | 'server'
  /** The path to the server was lost: another network, a sleeping computer, a long gap in the radio. */
  | 'interrupted'
  /** The session ended on the server: it restarted, or somebody closed the session. */
  | 'gone'
  /** ICE failed although HTTP works: a firewall blocks both UDP and ICE-TCP, or the server's address is not what it thinks. */
  | 'blocked'
  /** 401: the stream needs a token. */
  | 'unauthorized'
  /** 403: the token does not allow watching this stream. */
  | 'forbidden'
  /** 422, 406: this browser has no codec of the stream. */
  | 'codec'
  /** Another refusal: the address is not a WHEP endpoint, or does not take this offer. */
  | 'rejected'
  /** This browser has no WebRTC, or it is switched off. */
  | 'unsupported';

/** The detail of a `statechange` event. */
export interface WhepStateDetail {
  readonly state: WhepState;
  readonly reason: WhepReason | undefined;
  /** What happens, in a few plain words in the reader's language; empty when idle. */
  readonly title: string;
  /** Why, and what to do; empty where there is nothing to explain. */
  readonly advice: string;
  /** Title and advice in one. */
  readonly message: string;
}

/** What arrived in the last second: the detail of a `statistics` event. Undefined where the browser does not tell. */
export interface WhepStatistics {
  /** The codec of the picture, such as "H264"; undefined without one. */
  readonly codec: string | undefined;
  /** The codec of the sound, such as "opus". */
  readonly audioCodec: string | undefined;
  /** Pixels of the decoded picture. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly framesPerSecond: number | undefined;
  /** Bits per second of media, sound and picture. */
  readonly bitrate: number;
  /** RTP packets lost since the session began. */
  readonly packetsLost: number;
  /** Share of the packets of the last second that were lost, 0 to 1. */
  readonly lossRatio: number;
  /** Interarrival jitter (RFC 3550), milliseconds: the larger one of sound and picture. */
  readonly jitter: number | undefined;
  /** Mean time that media of the last second waited in the jitter buffer, milliseconds. */
  readonly jitterBufferMs: number | undefined;
  readonly roundTripTimeMs: number | undefined;
  /** Frames dropped before they were shown, since the session began. */
  readonly framesDropped: number;
  /** Key frames decoded since the session began. */
  readonly keyFramesDecoded: number;
}

/** The events of both elements, besides those of a media element. */
export interface WhepEventMap {
  statechange: CustomEvent<WhepStateDetail>;
  statistics: CustomEvent<WhepStatistics>;
}

/** What both elements have in common. */
interface WhepViewer {
  /** The bearer token of the WHEP endpoint. */
  token: string | null;
  /** How to reach it: by HTTP, or over a WebSocket to /signal of the same server, which all players of a page share. */
  signaling: 'http' | 'ws';
  readonly state: WhepState;
  readonly reason: WhepReason | undefined;
  /** The latest statistics; undefined before the first second of a session. */
  readonly statistics: WhepStatistics | undefined;
  /** The peer connection of the present session, if there is one. */
  readonly peerConnection: RTCPeerConnection | undefined;
  /** The data channel of the present session for the chat, with the attribute `chat`. An event `chatchannel` tells of another one. */
  readonly chatChannel: RTCDataChannel | undefined;
  /** Begins a new session now, whatever the state. */
  reconnect(): void;
  /** Pauses, ends the session, and stays idle until reconnect() or play() is called, or src changes. */
  close(): void;
}

/** `<whep-video>`: a media element whose src is a WHEP endpoint. */
export interface WhepVideoElement extends Omit<HTMLVideoElement, 'src'>, WhepViewer {
  /** The URL of the WHEP endpoint. */
  src: string | null;
  addEventListener<Type extends keyof WhepEventMap>(
    type: Type,
    listener: (this: WhepVideoElement, event: WhepEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<Type extends keyof HTMLVideoElementEventMap>(
    type: Type,
    listener: (this: WhepVideoElement, event: HTMLVideoElementEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** `<bongsu-player>`: `<whep-video>` with controls. */
export interface BongsuPlayerElement extends HTMLElement, WhepViewer {
  /** The URL of the WHEP endpoint. */
  src: string | null;
  /** Begin without sound. */
  muted: boolean;
  /** Play without being asked to; muted if the browser refuses sound. */
  autoplay: boolean;
  /** Show the controls. */
  controls: boolean;
  /** Have a data channel for `<bongsu-chat>` in each session. */
  chat: boolean;
  /** The URL of a picture to show until the first frame. */
  poster: string | null;
  /** The media element inside. */
  readonly media: WhepVideoElement | null;
  play(): Promise<void>;
  pause(): void;
  addEventListener<Type extends keyof WhepEventMap>(
    type: Type,
    listener: (this: BongsuPlayerElement, event: WhepEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<Type extends keyof HTMLElementEventMap>(
    type: Type,
    listener: (this: BongsuPlayerElement, event: HTMLElementEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** `<bongsu-chat>`: the chat of a stream. */
export interface BongsuChatElement extends HTMLElement {
  /** The URL of the chat, or of the WHEP endpoint of its stream. */
  src: string | null;
  /** The stream's name, instead of src, on the server that the page is from. */
  stream: string | null;
  /** The id of the player beside it, by whose connection the chat goes (attribute `for`). */
  htmlFor: string | null;
  /** The stream's key: who has it is the host. */
  token: string | null;
  /** "ws": by the WebSocket of the signaling; "http": by a data channel, or HTTP. */
  signaling: 'http' | 'ws';
  /** Only what is said, upon nothing, for a picture behind it. */
  overlay: boolean;
  /** How many messages of history to begin with, 0 to 500; null: as many as the server is set to. */
  last: number | null;
  /** A peer connection of your own to the gateway. Give it before its offer is made. */
  peer: RTCPeerConnection | undefined;
  /** `idle`: not there; `connecting`; `open`: in the room; `waiting`: lost, and coming back; `ended`: for good. An event `statechange` tells. */
  readonly state: 'idle' | 'connecting' | 'open' | 'waiting' | 'ended';
  /** Why it waits or has ended: a `code` of the protocol, "unavailable" where there is no chat. */
  readonly reason: string | undefined;
  /** How many messages came that were not seen. An event `unreadchange` tells. */
  readonly unread: number;
}

export declare const WhepVideo: { new (): WhepVideoElement; prototype: WhepVideoElement };
export declare const BongsuPlayer: { new (): BongsuPlayerElement; prototype: BongsuPlayerElement };
export declare const BongsuChat: { new (): BongsuChatElement; prototype: BongsuChatElement };

declare global {
  interface HTMLElementTagNameMap {
    'whep-video': WhepVideoElement;
    'bongsu-player': BongsuPlayerElement;
    'bongsu-chat': BongsuChatElement;
  }
}
