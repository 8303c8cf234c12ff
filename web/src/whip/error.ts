import { SignalingError } from '../signal/signaling.ts';

/**
 * Why publishing did not work, in a form that a page can turn into words.
 *
 * - `network`: the server was not reached; `timeout`: it did not answer in time;
 * - `http`: it answered with an error status; `answer`: with something that is no SDP answer;
 * - `media`: the answer was fine, but the media connection did not come up; `lost`: it came up and broke;
 * - `closed`: the server ended the session.
 */
export type WhipErrorKind = 'network' | 'timeout' | 'http' | 'answer' | 'media' | 'lost' | 'closed';

/** An error of a WHIP session. `detail` is the server's own sentence (RFC 9457), empty if it gave none. */
export class WhipError extends Error {
  override readonly name = 'WhipError';

  constructor(
    readonly kind: WhipErrorKind,
    readonly detail = '',
    /** The HTTP status, 0 if there was none. */
    readonly status = 0,
    /** Seconds that the server asks to wait (Retry-After), 0 if it did not say. */
    readonly retryAfter = 0,
  ) {
    super([kind, status || '', detail].filter(Boolean).join(' '));
  }

  /** Whether the same request may work a little later. */
  get transient(): boolean {
    return this.kind === 'http'
      ? [408, 409, 425, 429].includes(this.status) || this.status >= 500
      : this.kind !== 'answer';
  }
}

/** The longest wait that a server may ask for, in seconds. */
const longestWait = 300;

/** Makes a WhipError of whatever was thrown. */
export function toWhipError(thrown: unknown): WhipError {
  if (thrown instanceof WhipError) {
    return thrown;
  }
  if (thrown instanceof SignalingError) {
    const { kind, detail, status, retryAfter = 0 } = thrown;
    return kind === 'refused'
      ? new WhipError('http', detail, status, Math.min(retryAfter / 1000, longestWait))
      : new WhipError(kind);
  }
  // Anything else comes from the peer connection.
  return new WhipError('media', thrown instanceof Error ? thrown.message : String(thrown));
}
