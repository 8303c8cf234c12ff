import { parseRetryAfter } from '../whep/backoff.ts';

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

/** Reads the error of an answer that is not a 2xx: its problem document, if there is one. */
export async function httpError(response: Response): Promise<WhipError> {
  const wait = (parseRetryAfter(response.headers.get('Retry-After')) ?? 0) / 1000;
  return new WhipError('http', await problemDetail(response), response.status, Math.min(wait, longestWait));
}

async function problemDetail(response: Response): Promise<string> {
  if (!/^application\/(problem\+)?json\b/i.test(response.headers.get('Content-Type') ?? '')) {
    return '';
  }
  try {
    const { detail, title } = (await response.json()) as { detail?: unknown; title?: unknown };
    return [detail, title].find((text): text is string => typeof text === 'string' && text !== '') ?? '';
  } catch {
    return '';
  }
}

/** Makes a WhipError of whatever was thrown. */
export function toWhipError(thrown: unknown): WhipError {
  if (thrown instanceof WhipError) {
    return thrown;
  }
  if (thrown instanceof DOMException && thrown.name === 'TimeoutError') {
    return new WhipError('timeout');
  }
  // fetch says TypeError for every failure below HTTP; anything else comes from the peer connection.
  return thrown instanceof TypeError
    ? new WhipError('network')
    : new WhipError('media', thrown instanceof Error ? thrown.message : String(thrown));
}
