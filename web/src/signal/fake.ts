import type { SignalMessage } from './channel.ts';

/** The boundary to the network: a WebSocket whose server does what the test says. */
export class FakeWebSocket extends EventTarget {
  static all: FakeWebSocket[] = [];
  /** What the page has sent. */
  readonly sent: SignalMessage[] = [];
  /** The code that the page closed it with. */
  closed: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    super();
    FakeWebSocket.all.push(this);
  }

  static get latest(): FakeWebSocket {
    const latest = FakeWebSocket.all.at(-1);
    if (!latest) {
      throw new Error('no WebSocket');
    }
    return latest;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code?: number): void {
    this.closed = code;
  }

  /** The connection is there, and the server greets. */
  open(word = 'w1'): void {
    this.dispatchEvent(new Event('open'));
    this.say({ type: 'hello', resume: word, within: 15 });
  }

  say(message: object): void {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }

  /** The connection breaks, or none comes about. */
  break(): void {
    this.dispatchEvent(new Event('close'));
  }

  /** The last message of a type. */
  last(type: string): SignalMessage | undefined {
    return this.sent.findLast((message) => message.type === type);
  }

  types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}
