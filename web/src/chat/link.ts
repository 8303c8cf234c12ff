/** How frames travel: a small interface, for what carries them. */

import type { SignalChannel, SignalMessage } from '../signal/channel.ts';

/** A way to the room that is open: a join has gone out, or goes with the first frame. */
export interface Link {
  /** Sends a request; what can't be sent has the link end. */
  send(request: object): void;
  /** Leaves. Nothing is heard of the link after it. */
  close(): void;
}

export interface LinkListener {
  /** A frame came: text, or what was in it. */
  frame(frame: unknown): void;
  /** The way has ended; with an event of the server's, if it has said why in another way than by a frame. */
  ended(why?: Refused): void;
}

/** Why there is no way into the room. */
export interface Refused {
  /** As the `code` of an error event; "unavailable" where there is no chat. */
  readonly code: string;
  readonly detail: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** Opens a way, and says that we join. */
export type OpenLink = (join: object, listener: LinkListener) => Link;

/** A link over a data channel that is open or about to be: on the peer connection that carries the picture. */
export const overChannel =
  (channel: RTCDataChannel): OpenLink =>
  (join, listener) => {
    const listening = new AbortController();
    const { signal } = listening;
    // A peer connection that is closed takes its channels with it, and they say nothing (WebRTC section 4.4.1.10).
    const watch = setInterval(() => channel.readyState === 'closed' && end(), 1000);
    const close = () => {
      clearInterval(watch);
      listening.abort();
      channel.close();
    };
    const end = () => {
      close();
      listener.ended();
    };
    const send = (request: object) => {
      try {
        channel.send(JSON.stringify(request));
      } catch {
        end(); // it has just been closed
      }
    };
    channel.addEventListener('message', ({ data }) => listener.frame(data), { signal });
    channel.addEventListener('close', end, { signal });
    if (channel.readyState === 'open') {
      send(join);
    } else {
      channel.addEventListener('open', () => send(join), { signal });
    }
    return { send, close };
  };

/** A link over the WebSocket of the signaling (docs/signaling.md, Chat), which the page may also publish and play by. */
export const overSocket =
  (socket: { channel(): SignalChannel }, stream: string): OpenLink =>
  (join, listener) => {
    const channel = socket.channel();
    const listening = new AbortController();
    const { signal } = listening;
    const close = () => {
      listening.abort();
      void channel.close();
    };
    const end = (why?: Refused) => {
      close();
      listener.ended(why);
    };
    const heard = ({ data }: MessageEvent<SignalMessage>) => {
      if (data.type === 'chat') {
        listener.frame(data['frame']);
      } else if (data.type === 'error') {
        const problem = Object(data['problem']) as Record<string, unknown>;
        end(refusal(Number(problem['status']), problem, Number(data['retryAfter'])));
      }
    };
    const send = (frame: object) => channel.send({ type: 'chat', stream, frame }) || end();
    channel.addEventListener('up', () => send(join), { signal, once: true });
    channel.addEventListener('message', (event) => heard(event as MessageEvent<SignalMessage>), { signal });
    // A membership ends with its socket, even where sessions go on by another.
    channel.addEventListener('down', () => end(), { signal });
    channel.addEventListener('close', () => end(), { signal });
    return { send, close };
  };

/** What a status and its problem document (RFC 9457) mean for the chat. */
export function refusal(status: number, problem: Record<string, unknown>, retryAfter: number): Refused {
  const { code, detail, title } = problem;
  const known: Record<number, string> = {
    401: 'unauthorized',
    403: 'banned',
    404: 'unavailable',
    405: 'unavailable',
    429: 'crowded',
  };
  return {
    code: typeof code === 'string' && codes.includes(code) ? code : (known[status] ?? 'closed'),
    detail: [detail, title].find((one) => typeof one === 'string')?.toString() ?? '',
    ...(retryAfter > 0 && { retryAfter }),
  };
}

/** The codes of the chat that a problem document may have. */
const codes = ['banned', 'full', 'flood', 'closed', 'token', 'storage', 'malformed', 'too-fast'];

export function parse(text: unknown): Record<string, unknown> {
  try {
    return Object(JSON.parse(String(text))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
