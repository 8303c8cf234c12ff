/** Which way to the room: the data channel beside the picture if there is one, else server-sent events, or the signaling's WebSocket. */
import type { SignalingWay } from '../signal/signaling.ts';
import { signalSocket, signalURL } from '../signal/socket.ts';
import { overEvents } from './events.ts';
import { type OpenLink, overChannel, overSocket } from './link.ts';

/** What has a peer connection with the gateway: `<bongsu-player chat>`, `<whep-video chat>`, a WHIP client. */
export interface ChannelSource {
  readonly peerConnection: RTCPeerConnection | undefined;
  /** The data channel that was in its offer. A new one is told of by the event `chatchannel`. */
  readonly chatChannel: RTCDataChannel | undefined;
  addEventListener(type: 'chatchannel', listener: () => void, options?: AddEventListenerOptions): void;
}

/** Where the room is. */
export interface Address {
  /** The address of the chat over HTTP. */
  readonly url: string;
  readonly stream: string;
  /** The stream's key, if it is ours. */
  readonly token: string | null;
  /** By HTTP and data channels ("http"), or by the WebSocket of the signaling ("ws"). */
  readonly signaling: SignalingWay;
}

/** How long a data channel may take to open, milliseconds: the chat need not wait for a picture that does not come. */
const patience = 3_000;

/** A way, and the data channel that it takes, if it takes one. */
export interface Way {
  readonly open: OpenLink;
  readonly channel?: RTCDataChannel;
}

export async function findWay(address: Address, source: ChannelSource | undefined): Promise<Way> {
  if (address.signaling === 'ws') {
    const { url } = signalURL(address.url.replace(/\/chat\/([^/]+)$/, '/whep/$1'));
    return { open: overSocket(signalSocket(url), address.stream) };
  }
  const channel = source && channelOf(source);
  return channel && (await opens(channel))
    ? { open: overChannel(channel), channel }
    : { open: overEvents(address.url, address.token) };
}

/** The channel of the offer, or another one on the same connection once that has been used up. */
export function channelOf({ chatChannel, peerConnection: peer }: ChannelSource): RTCDataChannel | undefined {
  if (chatChannel?.readyState === 'open' || chatChannel?.readyState === 'connecting') {
    return chatChannel;
  }
  const connected = peer?.sctp?.state === 'connected' && peer.connectionState === 'connected';
  return connected ? peer.createDataChannel('chat') : undefined;
}

async function opens(channel: RTCDataChannel): Promise<boolean> {
  const done = new AbortController();
  const { signal } = done;
  const opened = await new Promise<boolean>((resolve) => {
    const look = () => channel.readyState !== 'connecting' && resolve(channel.readyState === 'open');
    channel.addEventListener('open', look, { signal });
    channel.addEventListener('close', look, { signal });
    const timer = setTimeout(() => resolve(false), patience);
    signal.addEventListener('abort', () => clearTimeout(timer));
    look();
  });
  done.abort();
  return opened;
}

/** The chat of a peer connection of the page's own. Before its offer, the channel becomes part of that. */
export function sourceOf(peer: RTCPeerConnection): ChannelSource {
  const early = peer.localDescription === null && peer.signalingState === 'stable';
  const chatChannel = early ? peer.createDataChannel('chat') : undefined;
  return { peerConnection: peer, chatChannel, addEventListener: () => undefined };
}

/** The address of the chat: of an endpoint for WHEP or the chat, or of a stream of the server that the page is from. */
export function addressOf(
  src: string | null,
  stream: string | null,
  base: string,
): { url: string; stream: string } | undefined {
  const path = src || (stream ? `/chat/${encodeURIComponent(stream)}` : '');
  if (!path || !URL.canParse(path, base)) {
    return undefined;
  }
  const url = new URL(path, base);
  const found = /^(.*)\/(?:whep|chat)\/([^/]+)$/.exec(url.pathname);
  if (!found) {
    return undefined;
  }
  const [, before = '', name = ''] = found;
  return { url: `${url.origin}${before}/chat/${name}`, stream: stream ?? decodeURIComponent(name) };
}
