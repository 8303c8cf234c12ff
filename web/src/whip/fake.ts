/** Stand-ins for tests, at the boundary: a server behind fetch, and peer connections that do as they are told. */

const answerSDP = 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n';

/** What the server was asked. */
export interface Asked {
  method: string;
  url: string;
  headers: Headers;
  body: string;
  keepalive: boolean;
}

/** A WHIP server. Its answers to POST come from a list; the last one stays. */
export class FakeServer {
  readonly asked: Asked[] = [];
  answers: (() => Response | Promise<Response>)[] = [created];
  options: () => Response | Promise<Response> = () => new Response(null, { status: 204 });

  deleted: () => Response | Promise<Response> = () => new Response(null);
  patched: () => Response | Promise<Response> = () => new Response(null, { status: 405 });

  readonly fetch: typeof fetch = async (input, init = {}) => {
    init.signal?.throwIfAborted();
    const method = init.method ?? 'GET';
    this.asked.push({
      method,
      url: String(input),
      headers: new Headers(init.headers),
      body: String(init.body ?? ''),
      keepalive: init.keepalive ?? false,
    });
    if (method === 'POST') {
      const [next = created] = this.answers.length > 1 ? this.answers.splice(0, 1) : this.answers;
      return next();
    }
    if (method === 'PATCH') {
      return this.patched();
    }
    return method === 'OPTIONS' ? this.options() : this.deleted();
  };

  count(method: string): number {
    return this.asked.filter((one) => one.method === method).length;
  }

  last(method: string): Asked | undefined {
    return this.asked.findLast((one) => one.method === method);
  }
}

let sessions = 0;

export function created(headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set('Location', `/session/${++sessions}`);
  return new Response(answerSDP, { status: 201, headers: all });
}

export function problem(status: number, detail: string, headers: Record<string, string> = {}): Response {
  const all = { 'Content-Type': 'application/problem+json', ...headers };
  return new Response(JSON.stringify({ title: 'no', detail }), { status, headers: all });
}

/** A sender that remembers what it was given. */
class FakeSender {
  parameters = { encodings: [{}] as RTCRtpEncodingParameters[] };
  readonly transport: FakeTransport;

  constructor(
    public track: MediaStreamTrack | null,
    transport: FakeTransport,
  ) {
    this.transport = transport;
  }

  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    this.track = track;
  }

  getParameters() {
    return structuredClone(this.parameters);
  }

  async setParameters(parameters: typeof this.parameters): Promise<void> {
    this.parameters = parameters;
  }
}

class FakeTransport extends EventTarget {
  state = 'new';

  become(state: string): void {
    this.state = state;
    this.dispatchEvent(new Event('statechange'));
  }
}

/** A peer connection whose gathering ends at once, unless `gathering` says otherwise, and that connects once it has an answer. */
export class FakePeer extends EventTarget {
  connectionState = 'new';
  iceGatheringState = 'complete';
  localDescription: { sdp: string } | null = null;
  remote = '';
  connects = true;
  readonly senders: FakeSender[] = [];
  readonly transport = new FakeTransport();

  constructor(readonly configuration: RTCConfiguration) {
    super();
  }

  addTransceiver(track: MediaStreamTrack, init: RTCRtpTransceiverInit) {
    const sender = new FakeSender(track, this.transport);
    sender.parameters = { encodings: structuredClone(init.sendEncodings ?? []) };
    this.senders.push(sender);
    return { sender };
  }

  async createOffer({ iceRestart }: RTCOfferOptions) {
    return {
      type: 'offer',
      sdp: `v=0\r\na=ice-ufrag:${iceRestart ? 'next' : 'first'}\r\na=ice-pwd:p\r\nm=audio 9 X 0\r\n`,
    };
  }

  async setLocalDescription(): Promise<void> {
    const codecs = { audio: '111 opus/48000/2', video: '102 H264/90000' };
    const media = this.senders.map(({ track }) => {
      const kind = track?.kind === 'audio' ? 'audio' : 'video';
      return `m=${kind} 9 UDP/TLS/RTP/SAVPF ${codecs[kind].slice(0, 3)}\r\na=rtpmap:${codecs[kind]}\r\n`;
    });
    this.localDescription = { sdp: `v=0\r\n${media.join('')}` };
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.remote = sdp;
    if (this.connects) {
      this.become('connected');
    }
  }

  become(state: string): void {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  close(): void {
    this.connectionState = 'closed';
  }
}
