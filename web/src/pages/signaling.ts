import { signalingWay } from '../signal/choose.ts';
import type { SignalingWay } from '../signal/signaling.ts';

/** The option of all pages with a player or a broadcast: `?signaling=ws` has it agree with the server over a WebSocket. */
export function signalingOption(query: string = location.search): SignalingWay {
  return signalingWay(new URLSearchParams(query).get('signaling'));
}
