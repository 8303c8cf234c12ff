import type { RelayChannel } from './channel.ts';
import { Files } from './files.ts';

/** What two clients say to each other over a channel. All carry who says it, and most for whom. */
interface Signal {
  userid: string;
  to?: string;
  join?: true;
  here?: true;
  busy?: true;
  userLeft?: true;
  sdp?: RTCSessionDescriptionInit;
  candidate?: RTCIceCandidateInit;
}

/** How far a call has come; `full`: two others are talking there already. */
export type CallState = 'waiting' | 'connecting' | 'connected' | 'full' | 'ended';

/** A line that one of the two has written. */
export interface Line {
  mine: boolean;
  text: string;
}

/**
 * A call between two: camera and sound, and two data channels, for words and for files. Whoever of the two has the greater
 * id makes the offer, so that there is one however they come.
 *
 * Fires `change` whenever something to show has changed.
 */
export class Call extends EventTarget {
  state: CallState = 'waiting';
  /** What the other one sends. */
  remote: MediaStream | undefined;
  readonly lines: Line[] = [];
  readonly files = new Files();

  private readonly id = crypto.randomUUID();
  private partner = '';
  private peer: RTCPeerConnection | undefined;
  private words: RTCDataChannel | undefined;
  private early: RTCIceCandidateInit[] = [];
  /** Signals are dealt with one after the other. */
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly channel: RelayChannel,
    private readonly local: MediaStream,
  ) {
    super();
    this.files.addEventListener('change', () => this.changed());
    channel.addEventListener('message', (event) => {
      const signal = (event as MessageEvent<Signal>).data;
      this.turn = this.turn.then(() => this.take(signal)).catch(() => this.hangUp());
    });
    channel.addEventListener('close', () => {
      if (this.state === 'waiting') {
        this.become('ended');
      }
    });
    this.tell({ join: true });
  }

  /** Writes a line to the other. */
  write(text: string): void {
    this.words?.send(text);
    this.lines.push({ mine: true, text });
    this.changed();
  }

  hangUp(): void {
    this.tell({ userLeft: true });
    this.channel.close();
    this.drop();
    this.become('ended');
  }

  private async take(signal: Signal): Promise<void> {
    if (this.state === 'ended' || (signal.to !== undefined && signal.to !== this.id)) {
      return;
    }
    const { userid } = signal;
    if (signal.busy && !this.partner) {
      this.become('full');
      this.channel.close();
    } else if (signal.join || signal.here) {
      await this.meet(userid, signal.join === true);
    } else if (userid !== this.partner) {
      return;
    } else if (signal.userLeft) {
      this.drop();
      this.become('waiting');
    } else if (signal.sdp) {
      await this.describe(signal.sdp);
    } else if (signal.candidate) {
      await this.addCandidate(signal.candidate);
    }
  }

  /** Somebody is there: the first one is the partner, and comes back after a reload as another one. */
  private async meet(userid: string, join: boolean): Promise<void> {
    const talking = this.partner && this.peer?.connectionState === 'connected';
    if (talking && userid !== this.partner) {
      if (join) {
        this.tell({ to: userid, busy: true });
      }
      return;
    }
    if (userid === this.partner) {
      return;
    }
    this.drop();
    this.partner = userid;
    if (join) {
      this.tell({ to: userid, here: true });
    }
    this.connect();
    if (this.id > userid) {
      await this.offer();
    }
  }

  private connect(): void {
    this.become('connecting');
    const peer = new RTCPeerConnection();
    this.peer = peer;
    for (const track of this.local.getTracks()) {
      peer.addTrack(track, this.local);
    }
    // Both sides make them, under the same numbers: nobody has to wait for the other's.
    this.words = peer.createDataChannel('chat', { negotiated: true, id: 0 });
    this.words.addEventListener('message', (event) => {
      this.lines.push({ mine: false, text: String(event.data) });
      this.changed();
    });
    this.files.attach(peer.createDataChannel('files', { negotiated: true, id: 1 }));
    peer.addEventListener('track', ({ streams }) => {
      this.remote = streams[0];
      this.changed();
    });
    peer.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate) {
        this.tell({ to: this.partner, candidate: candidate.toJSON() });
      }
    });
    peer.addEventListener('connectionstatechange', () => {
      if (this.peer !== peer) {
        return;
      }
      if (peer.connectionState === 'connected') {
        this.become('connected');
      } else if (peer.connectionState === 'failed') {
        this.drop();
        this.become('waiting');
        this.tell({ join: true });
      }
    });
  }

  private async offer(): Promise<void> {
    await this.peer?.setLocalDescription();
    this.tellDescription();
  }

  private async describe(sdp: RTCSessionDescriptionInit): Promise<void> {
    const { peer } = this;
    if (!peer) {
      return;
    }
    await peer.setRemoteDescription(sdp);
    for (const candidate of this.early.splice(0)) {
      await peer.addIceCandidate(candidate);
    }
    if (sdp.type === 'offer') {
      await peer.setLocalDescription();
      this.tellDescription();
    }
  }

  private async addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.peer?.remoteDescription) {
      await this.peer.addIceCandidate(candidate).catch(() => undefined); // one that is of no use harms nothing
    } else {
      this.early.push(candidate);
    }
  }

  private tellDescription(): void {
    const description = this.peer?.localDescription;
    if (description) {
      this.tell({ to: this.partner, sdp: description.toJSON() });
    }
  }

  private tell(signal: Omit<Signal, 'userid'>): void {
    this.channel.send({ userid: this.id, ...signal });
  }

  /** Lets go of the partner. */
  private drop(): void {
    this.peer?.close();
    this.peer = undefined;
    this.words = undefined;
    this.remote = undefined;
    this.partner = '';
    this.early = [];
    this.files.detach();
  }

  private become(state: CallState): void {
    this.state = state;
    this.changed();
  }

  private changed(): void {
    this.dispatchEvent(new Event('change'));
  }
}
