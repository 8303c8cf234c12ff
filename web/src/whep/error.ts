import type { WhepReason } from '../api.ts';
import { SignalingError } from '../signal/signaling.ts';

/** Why a session did not begin or went on no longer. */
export class WhepError extends Error {
  override readonly name = 'WhepError';

  constructor(
    readonly reason: WhepReason,
    /** The server's own words, where it gave some. */
    readonly detail = '',
    /** The pause that the server asks for, milliseconds. */
    readonly retryAfter: number | undefined = undefined,
  ) {
    super(detail ? `${reason}: ${detail}` : reason);
  }
}

/** What whatever was thrown means to a viewer. */
export function toWhepError(thrown: unknown): WhepError {
  if (thrown instanceof WhepError) {
    return thrown;
  }
  if (!(thrown instanceof SignalingError)) {
    return new WhepError('unsupported', String(thrown));
  }
  const { kind, detail, status, retryAfter } = thrown;
  switch (kind) {
    case 'refused':
      return new WhepError(reasonOf(status), detail || `HTTP ${status}`, retryAfter);
    case 'answer':
      return new WhepError('rejected', detail);
    default:
      return new WhepError('unreachable', detail);
  }
}

/** What a status means to a viewer. */
function reasonOf(status: number): WhepReason {
  const reasons: Record<number, WhepReason> = {
    401: 'unauthorized',
    403: 'forbidden',
    404: 'offline',
    406: 'codec',
    408: 'server',
    409: 'offline',
    422: 'codec',
    429: 'server',
  };
  return reasons[status] ?? (status >= 500 ? 'server' : 'rejected');
}
