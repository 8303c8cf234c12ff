/** Bytes of a message; every browser takes as many (RFC 8831 section 6.6). */
const chunkSize = 16 * 1024;
/** Bytes that wait in the channel: enough to keep it busy. */
const highWater = 1024 * 1024;
/** The largest file taken, bytes: it is held in memory until it is complete. */
export const largestFile = 512 * 1024 * 1024;

/** A file on its way, or arrived. */
export interface Transfer {
  name: string;
  size: number;
  mine: boolean;
  /** Bytes so far. */
  done: number;
  state: 'running' | 'complete' | 'broken';
  /** SHA-256 in hex, of what was sent or has come. */
  hash?: string;
  /** Where the received file can be fetched. */
  url?: string;
}

interface Header {
  name: string;
  size: number;
  type: string;
}

/**
 * Files over a data channel, both ways, one after the other each way: a header, the bytes in chunks, and the SHA-256 by
 * which the receiver knows that all has come as it was sent.
 *
 * Fires `change`.
 */
export class Files extends EventTarget {
  readonly transfers: Transfer[] = [];

  private channel: RTCDataChannel | undefined;
  private queue: Promise<void> = Promise.resolve();
  private incoming: { header: Header; parts: ArrayBuffer[]; transfer: Transfer } | undefined;

  attach(channel: RTCDataChannel): void {
    this.channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = highWater / 2;
    let turn = Promise.resolve();
    channel.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      turn = turn.then(() => this.take(data)).catch(() => this.breakOff());
    });
    channel.addEventListener('close', () => this.breakOff());
  }

  /** The connection is gone, and with it what was on its way. */
  detach(): void {
    this.channel = undefined;
    this.breakOff();
  }

  /** Sends a file, after those before it. */
  send(file: File): void {
    const transfer: Transfer = { name: file.name, size: file.size, mine: true, done: 0, state: 'running' };
    this.transfers.push(transfer);
    this.changed();
    this.queue = this.queue
      .then(() => this.push(file, transfer))
      .catch(() => {
        transfer.state = 'broken';
        this.changed();
      });
  }

  private async push(file: File, transfer: Transfer): Promise<void> {
    const { channel } = this;
    if (channel?.readyState !== 'open' || file.size > largestFile) {
      throw new Error('no channel, or too large');
    }
    const bytes = await file.arrayBuffer();
    const hash = await sha256(bytes);
    channel.send(JSON.stringify({ name: file.name, size: file.size, type: file.type } satisfies Header));
    for (let at = 0; at < bytes.byteLength; at += chunkSize) {
      if (channel.bufferedAmount > highWater) {
        await drained(channel);
      }
      channel.send(bytes.slice(at, at + chunkSize));
      transfer.done = Math.min(at + chunkSize, bytes.byteLength);
      this.changed();
    }
    channel.send(JSON.stringify({ hash }));
    Object.assign(transfer, { hash, state: 'complete' });
    this.changed();
  }

  private async take(data: string | ArrayBuffer): Promise<void> {
    const { incoming } = this;
    if (typeof data !== 'string') {
      if (incoming) {
        incoming.parts.push(data);
        incoming.transfer.done += data.byteLength;
        if (incoming.transfer.done > incoming.header.size) {
          this.breakOff();
        }
        this.changed();
      }
      return;
    }
    const said = JSON.parse(data) as Partial<Header> & { hash?: string };
    if (said.hash === undefined) {
      this.begin(said);
    } else if (incoming) {
      await this.finish(incoming, said.hash);
    }
  }

  private begin({ name, size, type }: Partial<Header>): void {
    if (typeof name !== 'string' || typeof size !== 'number' || size < 0 || size > largestFile) {
      throw new Error('not a header');
    }
    const transfer: Transfer = { name, size, mine: false, done: 0, state: 'running' };
    this.transfers.push(transfer);
    this.incoming = { header: { name, size, type: String(type) }, parts: [], transfer };
    this.changed();
  }

  private async finish(incoming: NonNullable<Files['incoming']>, hash: string): Promise<void> {
    this.incoming = undefined;
    // Never as a type that a browser would show as a page of this site.
    const blob = new Blob(incoming.parts, { type: 'application/octet-stream' });
    const own = await sha256(await blob.arrayBuffer());
    Object.assign(
      incoming.transfer,
      own === hash ? { hash: own, state: 'complete', url: URL.createObjectURL(blob) } : { hash: own, state: 'broken' },
    );
    this.changed();
  }

  private breakOff(): void {
    if (this.incoming) {
      this.incoming.transfer.state = 'broken';
      this.incoming = undefined;
      this.changed();
    }
  }

  private changed(): void {
    this.dispatchEvent(new Event('change'));
  }
}

function drained(channel: RTCDataChannel): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.addEventListener('bufferedamountlow', () => resolve(), { once: true });
    channel.addEventListener('close', () => reject(new Error('the channel closed')), { once: true });
  });
}

export async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
