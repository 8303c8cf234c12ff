/** How a session is agreed on with the server: one small interface, by HTTP (http.ts) and by WebSocket (websocket.ts). */

/** The way to the server: WHIP and WHEP as they are, or the same over a WebSocket (docs/signaling.md). */
export type SignalingWay = 'http' | 'ws';

/** Where the server is, and what it wants to see. */
export interface Access {
  /** The URL of the WHIP or WHEP endpoint. */
  readonly endpoint: string;
  readonly token: string | null;
  readonly fetch: typeof fetch;
  /** HTTP if undefined. */
  readonly signaling?: SignalingWay | undefined;
}

export interface Signaling {
  /** Opens a session for an offer. Throws a SignalingError, or the reason of the signal, which leaves no session. */
  open(offer: string, signal?: AbortSignal): Promise<SignaledSession>;
}

/** A session that the server keeps for us. */
export interface SignaledSession {
  readonly answer: string;
  readonly iceServers: RTCIceServer[];
  /** Whether it takes candidates and ICE restarts. */
  readonly takesICE: boolean;
  /** Resolves when the server says that it has ended the session. By HTTP, servers never do. */
  readonly ended: Promise<void>;
  /** Tells of candidates; `complete` if these were the last. Errors do not matter: the server learns them from the checks, too. */
  trickle(localSDP: string, candidates: readonly Candidate[], complete: boolean): Promise<void>;
  /** Restarts ICE (RFC 9725 section 4.3.3), by SDP fragments. Rejects when it can't be done in time, milliseconds. */
  restart(fragment: string, limit: number): Promise<string>;
  /** Whether the server still has it; undefined if nobody can say. */
  exists(): Promise<boolean | undefined>;
  /** Ends it; works while the page is being left. */
  close(): Promise<void>;
  /** The same where the server has ended it: it is told nothing. */
  forget(): void;
}

/** A candidate of the local description, as far as a server needs it. */
export interface Candidate {
  readonly candidate: string;
  readonly sdpMid: string | null;
}

/** The time that the endpoint has to answer an offer, milliseconds. */
export const answerLimit = 10_000;
/** The time that a session may take to end, milliseconds: then its connection is closed in any case. */
export const goodbyeLimit = 2_000;

/**
 * - `network`: the server was not reached; `timeout`: it did not answer in time;
 * - `refused`: it said no, with a status; `answer`: it answered with something that is no SDP.
 */
export type SignalingErrorKind = 'network' | 'timeout' | 'refused' | 'answer';

/** Why a session did not begin, or a message had no effect. */
export class SignalingError extends Error {
  override readonly name = 'SignalingError';

  constructor(
    readonly kind: SignalingErrorKind,
    /** The server's own words, where it gave some. */
    readonly detail = '',
    /** The HTTP status, 0 if there was none. */
    readonly status = 0,
    /** The pause that the server asks for, milliseconds. */
    readonly retryAfter: number | undefined = undefined,
  ) {
    super([kind, status || '', detail].filter(Boolean).join(' '));
  }
}

/** The words of a problem document (RFC 9457). */
export function problemDetail(problem: unknown): string {
  const { detail, title } = Object(problem) as { detail?: unknown; title?: unknown };
  return [detail, title].find((one): one is string => typeof one === 'string' && one !== '') ?? '';
}
