/** WHIP and WHEP (RFC 9725, draft-ietf-wish-whep-03): requests in, answers and errors out. */
import { parseRetryAfter } from '../whep/backoff.ts';
import { iceServers } from '../whep/link.ts';
import { iceFragment } from '../whep/sdp.ts';
import {
  type Access,
  answerLimit,
  type Candidate,
  goodbyeLimit,
  problemDetail,
  type SignaledSession,
  type Signaling,
  SignalingError,
} from './signaling.ts';

/** The media type of an SDP fragment (RFC 8840 section 9). */
const fragmentType = 'application/trickle-ice-sdpfrag';

export function overHTTP(type: 'publish' | 'play', access: Access): Signaling {
  return {
    open: async (offer, signal) => {
      // Not given up when the signal says so: what the server makes meanwhile has to be ended.
      const session = await open(access, offer);
      if (signal?.aborted) {
        void session.close();
        throw signal.reason;
      }
      if (!session.answer.startsWith('v=') || (type === 'publish' && !session.known)) {
        void session.close();
        throw new SignalingError('answer', `${access.endpoint} did not answer as WHIP and WHEP do`);
      }
      return session;
    },
  };
}

async function open(access: Access, offer: string): Promise<HTTPSession> {
  const { endpoint } = access;
  const headers = { 'Content-Type': 'application/sdp', Accept: 'application/sdp' };
  const response = await request(access, endpoint, { method: 'POST', headers, body: offer }, answerLimit);
  const body = await response.text().catch(() => '');
  if (!response.ok) {
    throw refusal(response, body);
  }
  const location = response.headers.get('Location');
  // Relative to where a redirect may have led (RFC 9725 section 4.2).
  const base = response.url || endpoint;
  const url = location !== null && URL.canParse(location, base) ? new URL(location, base).href : undefined;
  return new HTTPSession(access, url, response.headers, body);
}

class HTTPSession implements SignaledSession {
  readonly iceServers: RTCIceServer[];
  readonly takesICE: boolean;
  readonly ended = new Promise<void>(() => undefined);
  /** The entity tag of the ICE session. */
  private readonly etag: string | null;

  constructor(
    private readonly access: Access,
    /** Undefined if the server keeps it from us, as some do from viewers, or has ended the session. */
    private url: string | undefined,
    headers: Headers,
    readonly answer: string,
  ) {
    this.iceServers = iceServers(headers.get('Link'));
    this.etag = headers.get('ETag');
    this.takesICE = url !== undefined && (headers.get('Accept-Patch') ?? '').toLowerCase().includes(fragmentType);
  }

  /** Whether we know how to end it. */
  get known(): boolean {
    return this.url !== undefined;
  }

  async trickle(localSDP: string, candidates: readonly Candidate[], complete: boolean): Promise<void> {
    const body = iceFragment(localSDP, candidates, complete);
    await this.patch(body, this.etag, answerLimit).catch(() => undefined);
  }

  async restart(fragment: string, limit: number): Promise<string> {
    const response = await this.patch(fragment, '*', limit);
    if (response.status !== 200) {
      throw refusal(response, '');
    }
    return response.text();
  }

  private patch(body: string, match: string | null, limit: number): Promise<Response> {
    const headers = { 'Content-Type': fragmentType, ...(match !== null && { 'If-Match': match }) };
    return request(this.access, this.url ?? '', { method: 'PATCH', headers, body }, limit);
  }

  async exists(): Promise<boolean | undefined> {
    if (!this.url) {
      return undefined;
    }
    try {
      const { status } = await request(this.access, this.url, { method: 'GET', cache: 'no-store' }, answerLimit);
      if (status === 404 || status === 410) {
        this.forget();
        return false;
      }
      return true;
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    if (this.url) {
      await request(this.access, this.url, { method: 'DELETE', keepalive: true }, goodbyeLimit).catch(() => undefined);
    }
  }

  forget(): void {
    this.url = undefined;
  }
}

async function request({ token, fetch }: Access, url: string, init: RequestInit, limit: number): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token) {
    headers.set('Authorization', `Bearer ${token}`);
  }
  try {
    return await fetch(url, { ...init, headers, signal: AbortSignal.timeout(limit) });
  } catch (error) {
    const timeout = error instanceof DOMException && error.name === 'TimeoutError';
    throw new SignalingError(timeout ? 'timeout' : 'network', error instanceof Error ? error.message : '');
  }
}

function refusal(response: Response, body: string): SignalingError {
  const retryAfter = parseRetryAfter(response.headers.get('Retry-After'));
  return new SignalingError('refused', detailOf(response, body), response.status, retryAfter);
}

function detailOf(response: Response, body: string): string {
  try {
    return /json/i.test(response.headers.get('Content-Type') ?? '') ? problemDetail(JSON.parse(body)) : '';
  } catch {
    return '';
  }
}
