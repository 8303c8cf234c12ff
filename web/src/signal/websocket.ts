/** WHIP and WHEP over a WebSocket (docs/signaling.md). */
import type { SignalChannel, SignalMessage } from './channel.ts';
import { type Access, type SignaledSession, type Signaling, SignalingError } from './signaling.ts';
import { type SignalSocket, signalSocket, signalURL } from './socket.ts';

/** By HTTP, the status that comes with an offer of the server's own in place of an answer. We have nothing else to offer. */
const notAcceptable = 406;

/** The socket that is used is the page's own to the server of the endpoint. */
export function overWebSocket(type: 'publish' | 'play', { endpoint, token }: Access): Signaling {
  return {
    open: async (sdp, signal) => {
      const { url, stream } = signalURL(endpoint);
      const socket = signalSocket(url);
      const channel = socket.channel();
      const leave = () => void channel.close();
      signal?.addEventListener('abort', leave);
      try {
        const answer = await channel.request({ type, sdp, ...(stream && { stream }), ...(token && { token }) });
        signal?.throwIfAborted();
        if (answer.type === 'offer') {
          throw new SignalingError('refused', '', notAcceptable);
        }
        return new SocketSession(socket, channel, answer);
      } catch (error) {
        leave();
        signal?.throwIfAborted();
        throw error;
      } finally {
        signal?.removeEventListener('abort', leave);
      }
    },
  };
}

class SocketSession implements SignaledSession {
  readonly answer: string;
  readonly iceServers: RTCIceServer[];
  readonly takesICE = true;
  readonly ended: Promise<void>;

  constructor(
    private readonly socket: SignalSocket,
    private readonly channel: SignalChannel,
    { sdp, iceServers }: SignalMessage,
  ) {
    this.answer = String(sdp);
    this.iceServers = Array.isArray(iceServers) ? iceServers : [];
    this.ended = new Promise((resolve) => channel.addEventListener('close', () => resolve(), { once: true }));
  }

  async trickle(_: string, candidates: Parameters<SignaledSession['trickle']>[1], complete: boolean): Promise<void> {
    for (const { candidate, sdpMid } of candidates) {
      this.channel.send({ type: 'candidate', candidate, ...(sdpMid !== null && { sdpMid }) });
    }
    if (complete) {
      this.channel.send({ type: 'candidate', candidate: '' });
    }
  }

  async restart(fragment: string, limit: number): Promise<string> {
    const { fragment: answer } = await this.channel.request({ type: 'restart', fragment }, limit);
    if (typeof answer !== 'string') {
      throw new SignalingError('answer');
    }
    return answer;
  }

  async exists(): Promise<boolean | undefined> {
    await this.socket.check();
    return this.channel.closed ? false : this.socket.up || undefined;
  }

  close(): Promise<void> {
    return this.channel.close();
  }

  /** Where the server has said so by other means, its `bye` is on its way; if not, ours does no harm. */
  forget(): void {
    void this.channel.close();
  }
}
