/** What went out since the last look, read from getStats (W3C webrtc-stats). Unknown values are undefined. */
export interface Outbound {
  /** Of sound and picture, in bit/s. */
  bitrate: number;
  frameRate: number | undefined;
  width: number | undefined;
  height: number | undefined;
  videoCodec: string | undefined;
  audioCodec: string | undefined;
  /** In seconds. */
  roundTrip: number | undefined;
  /** Part of the packets that the server missed, 0 to 1. */
  loss: number | undefined;
  /** What keeps the encoder from full quality. */
  limitation: 'none' | 'cpu' | 'bandwidth' | 'other' | undefined;
}

type Entry = Record<string, unknown> & { id: string; type: string; timestamp: number };

/** Reads statistics of a sending connection, each time against the last. */
export class OutboundStatistics {
  private bytes = 0;
  private at = 0;

  /** Gives nothing at the first look: rates need two. */
  read(report: Iterable<[string, unknown]>): Outbound | undefined {
    const entries = new Map([...report] as [string, Entry][]);
    const all = [...entries.values()];
    const outbound = (kind: string) => all.find((one) => one.type === 'outbound-rtp' && one['kind'] === kind);
    const [video, audio] = [outbound('video'), outbound('audio')];
    const remote = all.filter((one) => one.type === 'remote-inbound-rtp');
    const codec = (one: Entry | undefined) => text(entries.get(String(one?.['codecId'])), 'mimeType')?.split('/')[1];

    const bytes = sum(
      [video, audio].map((one) => (value(one, 'bytesSent') ?? 0) + (value(one, 'headerBytesSent') ?? 0)),
    );
    const at = (video ?? audio)?.timestamp ?? 0;
    const elapsed = (at - this.at) / 1000;
    const first = this.at === 0;
    const bitrate = elapsed > 0 ? Math.max(0, ((bytes - this.bytes) * 8) / elapsed) : 0;
    this.bytes = bytes;
    this.at = at;
    if (first) {
      return undefined;
    }
    return {
      bitrate,
      frameRate: value(video, 'framesPerSecond'),
      width: value(video, 'frameWidth'),
      height: value(video, 'frameHeight'),
      videoCodec: codec(video),
      audioCodec: codec(audio),
      roundTrip: most(remote, 'roundTripTime') ?? most(all.filter(isSelectedPair), 'currentRoundTripTime'),
      loss: most(remote, 'fractionLost'),
      limitation: text(video, 'qualityLimitationReason') as Outbound['limitation'],
    };
  }
}

function isSelectedPair(one: Entry): boolean {
  return one.type === 'candidate-pair' && one['nominated'] === true && one['state'] === 'succeeded';
}

function value(entry: Entry | undefined, name: string): number | undefined {
  const found = entry?.[name];
  return typeof found === 'number' ? found : undefined;
}

function text(entry: Entry | undefined, name: string): string | undefined {
  const found = entry?.[name];
  return typeof found === 'string' ? found : undefined;
}

function most(entries: Entry[], name: string): number | undefined {
  const found = entries.flatMap((one) => value(one, name) ?? []);
  return found.length > 0 ? Math.max(...found) : undefined;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
