/**
 * A channel of the relay: a WebSocket over which those who know its name exchange JSON. The relay keeps nothing and says
 * nothing of who comes and goes; its protocol is in docs/relay.md.
 *
 * Fires `message` (a MessageEvent with the data) and `close`.
 */
export class RelayChannel extends EventTarget {
  private constructor(
    private readonly socket: WebSocket,
    readonly name: string,
  ) {
    super();
    socket.addEventListener('message', (event) => {
      this.dispatchEvent(new MessageEvent('message', { data: JSON.parse(String(event.data)) }));
    });
    socket.addEventListener('close', () => this.dispatchEvent(new Event('close')));
  }

  /** Connects and joins; rejects when the relay can't be reached. */
  static async open(url: string, name: string): Promise<RelayChannel> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('close', () => reject(new Error('the relay closed the connection')), { once: true });
    });
    socket.send(JSON.stringify({ open: true, channel: name }));
    return new RelayChannel(socket, name);
  }

  /** Tells all others in the channel. */
  send(data: object): void {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ channel: this.name, data }));
    }
  }

  close(): void {
    this.socket.close();
  }
}

/** Where this page's own relay is. */
export function ownRelay(page: Location = location): string {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/relay`;
}
