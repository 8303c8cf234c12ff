/** A link over server-sent events and POST, for who has no data channel (docs/chat.md, Without data channels). */
import { parseRetryAfter } from '../whep/backoff.ts';
import { type OpenLink, parse, type Refused, refusal } from './link.ts';

/** How long the server may take to take a request, milliseconds. */
const patience = 10_000;

/**
 * Posts the join to the chat's address, and listens at the address of the membership that it gets for it. Requests go out one
 * after the other, so that they arrive in their order. Neither token stands in an address that others see.
 */
export const overEvents =
  (
    url: string,
    token: string | null,
    world = { fetch: globalThis.fetch, EventSource: globalThis.EventSource },
  ): OpenLink =>
  (join, listener) => {
    const running = new AbortController();
    let member = '';
    let source: EventSource | undefined;
    const post = (address: string, body: object, headers: HeadersInit = {}) =>
      world.fetch(address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.any([running.signal, AbortSignal.timeout(patience)]),
      });
    const leave = () => {
      running.abort();
      source?.close();
      if (member) {
        world.fetch(member, { method: 'DELETE', keepalive: true }).catch(() => undefined);
      }
    };
    const end = (why?: Refused) => {
      if (!running.signal.aborted) {
        leave();
        listener.ended(why);
      }
    };
    const enter = async () => {
      const response = await post(url, join, token ? { Authorization: `Bearer ${token}` } : {});
      const location = response.headers.get('Location');
      if (!response.ok || !location) {
        end(await refusalOf(response));
        return;
      }
      member = new URL(location, response.url || url).href;
      source = new world.EventSource(member);
      source.addEventListener('message', ({ data }) => listener.frame(data));
      source.addEventListener('error', () => end()); // our own way to come back also works when the server has forgotten us
    };
    let queue = enter().catch(() => end());
    const send = (request: object) => {
      queue = queue
        .then(() => (running.signal.aborted ? undefined : post(member, request)))
        .then(async (response) => {
          if (response && !response.ok) {
            end(await refusalOf(response));
          }
        })
        .catch(() => end());
    };
    return { send, close: leave };
  };

async function refusalOf(response: Response): Promise<Refused | undefined> {
  const problem = parse(await response.text().catch(() => ''));
  const seconds = (parseRetryAfter(response.headers.get('Retry-After')) ?? 0) / 1000;
  return refusal(response.status, problem, seconds);
}
