/** The HTTP side of WHEP (draft-ietf-wish-whep-03): requests in, answers and errors out. */
import type { WhepReason } from '../api.ts';
import { parseRetryAfter } from './backoff.ts';
import { iceServers } from './link.ts';
import { fragmentType, restartICE, takesFragments } from './restart.ts';

/** The time that the endpoint has to answer, milliseconds. */
const answerTimeout = 10_000;
/** The time that the answer to an ICE restart may take, milliseconds: then a new session is the faster way. */
const restartTimeout = 3_000;
/** The time that a session may take to end, milliseconds: then its connection is closed in any case. */
const goodbyeTimeout = 2_000;

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

/** What the endpoint gives for an offer. */
export interface Created {
  readonly answer: string;
  /** The session URL; undefined if the server keeps it from us. */
  readonly url: string | undefined;
  readonly iceServers: RTCIceServer[];
  /** The entity tag of the ICE session, for If-Match. */
  readonly etag: string | null;
  /** Whether the session takes trickled candidates and ICE restarts. */
  readonly trickle: boolean;
}

export interface Access {
  readonly endpoint: string;
  readonly token: string | null;
  readonly fetch: typeof fetch;
}

/** Posts an offer to the endpoint. Throws a WhepError. */
export async function post(access: Access, offer: string): Promise<Created> {
  const response = await request(access, access.endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Accept: 'application/sdp' },
    body: offer,
    signal: AbortSignal.timeout(answerTimeout),
  });
  const body = await response.text().catch(() => '');
  if (!response.ok) {
    throw refusal(response, body);
  }
  if (!body.startsWith('v=')) {
    throw new WhepError('rejected', `${access.endpoint} did not answer with SDP`);
  }
  const location = response.headers.get('Location');
  return {
    answer: body,
    // Relative to where a redirect may have led (RFC 9725 section 4.2).
    url: resolve(location, response.url || access.endpoint),
    iceServers: iceServers(response.headers.get('Link')),
    etag: response.headers.get('ETag'),
    trickle: takesFragments(response.headers),
  };
}

function resolve(location: string | null, base: string): string | undefined {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).href : undefined;
}

/** Tells the session of candidates. Errors do not matter: the server learns them from the checks, too. */
export async function patch(access: Access, session: Created, fragment: string): Promise<void> {
  if (session.url) {
    await request(access, session.url, {
      method: 'PATCH',
      headers: {
        'Content-Type': fragmentType,
        ...(session.etag !== null && { 'If-Match': session.etag }),
      },
      body: fragment,
    }).catch(() => undefined);
  }
}

/** Restarts ICE; gives the session with its new answer. Rejects if the server does not do that. */
export async function restart(
  access: Access,
  session: Created,
  peer: RTCPeerConnection,
  edit: (offer: string) => string,
): Promise<Created> {
  const { url } = session;
  if (!url || !session.trickle) {
    throw new WhepError('interrupted');
  }
  const signal = AbortSignal.timeout(restartTimeout);
  const answer = await restartICE(peer, session.answer, edit, (init) => request(access, url, { ...init, signal }));
  return { ...session, answer };
}

/** Ends a session; works while the page is being left. */
export async function remove(access: Access, session: Created): Promise<void> {
  if (session.url) {
    const signal = AbortSignal.timeout(goodbyeTimeout);
    await request(access, session.url, { method: 'DELETE', keepalive: true, signal }).catch(() => undefined);
  }
}

/** Asks whether a session still exists. Undefined if nobody can say. */
export async function exists(access: Access, session: Created): Promise<boolean | undefined> {
  if (!session.url) {
    return undefined;
  }
  try {
    const response = await request(access, session.url, {
      method: 'GET',
      cache: 'no-store',
      signal: AbortSignal.timeout(answerTimeout),
    });
    return response.status !== 404 && response.status !== 410;
  } catch {
    return undefined;
  }
}

async function request(access: Access, url: string, init: RequestInit & { headers?: HeadersInit }): Promise<Response> {
  const headers = new Headers(init.headers);
  if (access.token) {
    headers.set('Authorization', `Bearer ${access.token}`);
  }
  try {
    return await access.fetch(url, { ...init, headers });
  } catch (error) {
    throw new WhepError('unreachable', error instanceof Error ? error.message : '');
  }
}

/** What a status means to a viewer. */
function refusal(response: Response, body: string): WhepError {
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
  const reason = reasons[response.status] ?? (response.status >= 500 ? 'server' : 'rejected');
  const retryAfter = parseRetryAfter(response.headers.get('Retry-After'));
  return new WhepError(reason, problemDetail(response, body) || `HTTP ${response.status}`, retryAfter);
}

/** The words of a problem document (RFC 9457). */
function problemDetail(response: Response, body: string): string {
  if (!/json/i.test(response.headers.get('Content-Type') ?? '')) {
    return '';
  }
  try {
    const problem: unknown = JSON.parse(body);
    const { detail, title } = Object(problem) as { detail?: unknown; title?: unknown };
    return [detail, title].find((one): one is string => typeof one === 'string' && one !== '') ?? '';
  } catch {
    return '';
  }
}
