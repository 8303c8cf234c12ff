import { vi } from 'vitest';

/** The boundary to the browser: a peer connection that does what the test says. */
export class FakePeerConnection extends EventTarget {
  static all: FakePeerConnection[] = [];
  connectionState: RTCPeerConnectionState = 'new';
  iceGatheringState: RTCIceGatheringState = 'new';
  localDescription: RTCSessionDescriptionInit | null = null;
  configuration: RTCConfiguration;
  directions: (string | undefined)[] = [];
  bytes = { audio: 0, video: 0 };
  bufferDelay = 0;
  emitted = 0;

  constructor(configuration: RTCConfiguration) {
    super();
    this.configuration = configuration;
    FakePeerConnection.all.push(this);
  }

  static get latest(): FakePeerConnection {
    const latest = FakePeerConnection.all.at(-1);
    if (!latest) {
      throw new Error('no peer connection');
    }
    return latest;
  }

  addTransceiver(kind: string, init: RTCRtpTransceiverInit): void {
    this.directions.push(`${kind} ${init.direction}`);
  }

  createOffer = async ({ iceRestart }: RTCOfferOptions = {}) => ({
    type: 'offer',
    sdp: `v=0\r\na=ice-ufrag:${iceRestart ? 'next' : 'u'}\r\na=ice-pwd:p\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n`,
  });

  setLocalDescription = vi.fn(async (description: RTCSessionDescriptionInit) => {
    this.localDescription = description;
  });

  setRemoteDescription = vi.fn(async (_: RTCSessionDescriptionInit) => {
    for (const kind of this.setRemoteDescription.mock.calls.length > 1 ? [] : ['audio', 'video']) {
      this.dispatchEvent(Object.assign(new Event('track'), { track: Object.assign(new EventTarget(), { kind }) }));
    }
  });

  getConfiguration = () => this.configuration;

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  getStats = async () => {
    const entries = (['audio', 'video'] as const).map((kind) => ({
      type: 'inbound-rtp',
      kind,
      timestamp: performance.now(),
      bytesReceived: this.bytes[kind],
      jitterBufferDelay: this.bufferDelay,
      jitterBufferEmittedCount: this.emitted,
    }));
    return new Map(entries.map((entry) => [entry.kind, entry]));
  };

  close = vi.fn(() => {
    this.connectionState = 'closed';
  });

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }
}
