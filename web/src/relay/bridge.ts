import type { RelayChannel } from './channel.ts';

/** What the gateway answers to its clients on a channel. */
interface GatewaySignal {
  userid?: string;
  to?: string;
  sdp?: RTCSessionDescriptionInit;
  candidate?: RTCIceCandidateInit;
  error?: { title: string; detail?: string };
  userLeft?: boolean;
}

/**
 * A broadcast that is published by an offer to the gateway, over a channel of the relay: no HTTP. Fires `change`, and
 * `failed` with the reason.
 */
export class Broadcast extends EventTarget {
  live = false;
  /** Why it failed, in the gateway's words. */
  problem = '';

  private readonly id = crypto.randomUUID();
  private readonly peer = new RTCPeerConnection();

  constructor(
    private readonly channel: RelayChannel,
    private readonly stream: string,
  ) {
    super();
    channel.addEventListener('message', this.take);
  }

  async start(media: MediaStream): Promise<void> {
    this.peer.addEventListener('connectionstatechange', this.watch);
    this.peer.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate) {
        this.tell({ candidate: candidate.toJSON() });
      }
    });
    for (const track of media.getTracks()) {
      this.peer.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    }
    await this.peer.setLocalDescription();
    this.tell({ sdp: this.peer.localDescription?.toJSON(), stream: this.stream });
  }

  stop(): void {
    this.tell({ userLeft: true });
    this.end('');
  }

  private tell(data: object): void {
    this.channel.send({ userid: this.id, to: 'gateway', ...data });
  }

  private readonly take = async (event: Event): Promise<void> => {
    const signal = (event as MessageEvent<GatewaySignal>).data;
    if (signal.to !== this.id || signal.userid !== 'gateway') {
      return;
    }
    if (signal.error) {
      this.end(signal.error.detail ?? signal.error.title);
    } else if (signal.userLeft) {
      this.end('');
    } else if (signal.sdp) {
      await this.peer.setRemoteDescription(signal.sdp).catch((error: unknown) => this.end(String(error)));
    } else if (signal.candidate) {
      await this.peer.addIceCandidate(signal.candidate).catch(() => undefined);
    }
  };

  private readonly watch = (): void => {
    const { connectionState } = this.peer;
    if (connectionState === 'failed' || connectionState === 'closed') {
      this.end('');
    } else {
      this.live = connectionState === 'connected';
      this.dispatchEvent(new Event('change'));
    }
  };

  private end(problem: string): void {
    this.channel.removeEventListener('message', this.take);
    this.peer.removeEventListener('connectionstatechange', this.watch);
    this.peer.close();
    this.live = false;
    this.problem = problem;
    this.dispatchEvent(new Event('change'));
  }
}
