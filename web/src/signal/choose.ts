import { overHTTP } from './http.ts';
import type { Access, Signaling, SignalingWay } from './signaling.ts';
import { overWebSocket } from './websocket.ts';

/** The way to publish or to play that is asked for. */
export function signalingOf(type: 'publish' | 'play', access: Access): Signaling {
  return access.signaling === 'ws' ? overWebSocket(type, access) : overHTTP(type, access);
}

/** Reads the option `signaling` of an attribute or of a query. */
export function signalingWay(value: string | null): SignalingWay {
  return value === 'ws' ? 'ws' : 'http';
}
