import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WhipClient, type WhipOptions } from './client.ts';
import { created, FakePeer, FakeServer, problem } from './fake.ts';
import type { Encoding, Tracks } from './session.ts';

const track = (kind: string) => ({ kind }) as MediaStreamTrack;
const both: Tracks = { audio: track('audio'), video: track('video') };
const encoding: Encoding = {
  codec: 'auto',
  maxBitrate: 2_500_000,
  maxFramerate: 30,
  audio: { stereo: false, maxBitrate: 48_000 },
};

let server: FakeServer;
let peers: FakePeer[];
let client: WhipClient | undefined;

/** Makes a client whose peers are prepared by `prepare`. */
function publisher(options: Partial<WhipOptions> = {}, prepare: (peer: FakePeer) => void = () => {}): WhipClient {
  client = new WhipClient({
    endpoint: 'http://tv.example/whip/lobby',
    token: 'secret',
    fetch: server.fetch,
    createPeer: (configuration) => {
      const peer = new FakePeer(configuration);
      prepare(peer);
      peers.push(peer);
      return peer as unknown as RTCPeerConnection;
    },
    random: () => 1,
    ...options,
  });
  return client;
}

/** Lets everything run that needs no time, and then so much time. */
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('MediaStream', class {});
  server = new FakeServer();
  peers = [];
});

afterEach(async () => {
  await client?.stop();
  await pass();
  expect(vi.getTimerCount(), 'timers left behind').toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('publishing', () => {
  test('posts the offer with the token, goes live, and deletes the session at the end', async () => {
    const one = publisher();
    const states: string[] = [];
    one.addEventListener('statechange', () => states.push(one.state));
    one.start(both, encoding);
    await pass();
    await one.stop();

    expect(states).toEqual(['connecting', 'live', 'idle']);
    const post = server.last('POST');
    expect(post?.url).toBe('http://tv.example/whip/lobby');
    expect(post?.headers.get('Content-Type')).toBe('application/sdp');
    expect(post?.headers.get('Authorization')).toBe('Bearer secret');
    expect(post?.body).toMatch(/^v=0\r\nm=audio .*\r\n.*\r\nm=video /);
    const remove = server.last('DELETE');
    expect(remove?.url).toMatch(/^http:\/\/tv\.example\/session\/\d+$/);
    expect(remove?.headers.get('Authorization')).toBe('Bearer secret');
    expect(remove?.keepalive).toBe(true);
    expect(server.count('DELETE')).toBe(1);
    expect(peers.every((peer) => peer.connectionState === 'closed')).toBe(true);
  });

  test('sends no Authorization without a token, and offers only the kinds there are', async () => {
    publisher({ token: '' }).start({ audio: track('audio'), video: null }, encoding);
    await pass();
    expect(server.last('POST')?.headers.has('Authorization')).toBe(false);
    expect(server.last('POST')?.body).not.toContain('m=video');
  });

  test('waits for candidates one second at most', async () => {
    publisher({}, (peer) => {
      peer.iceGatheringState = 'gathering';
    }).start(both, encoding);
    await pass(999);
    expect(server.count('POST')).toBe(0);
    await pass(1);
    expect(server.count('POST')).toBe(1);
  });

  test('uses the ICE servers that OPTIONS names, and later those of the 201', async () => {
    const link = (host: string) => `<turn:${host}>; rel="ice-server"; username="u"; credential="c"`;
    server.options = () => new Response(null, { status: 204, headers: { Link: link('one.example') } });
    server.answers = [() => created({ Link: link('two.example') })];
    publisher().start(both, encoding);
    await pass();
    peers[0]?.become('failed');
    await pass(2000);
    const urls = peers.map((peer) => peer.configuration.iceServers?.map((one) => one.urls));
    expect(urls).toEqual([['turn:one.example'], ['turn:two.example']]);
  });

  test('goes on when OPTIONS fails', async () => {
    server.options = () => Promise.reject(new TypeError('CORS'));
    const one = publisher();
    one.start(both, encoding);
    await pass();
    expect(one.state).toBe('live');
  });

  test('says in the offer that stereo comes, and asks for it in the answer', async () => {
    publisher().start(both, { ...encoding, audio: { stereo: true, maxBitrate: 128_000 } });
    await pass();
    expect(server.last('POST')?.body).toContain('a=fmtp:111 stereo=1;sprop-stereo=1\r\n');
    expect(peers[0]?.localDescription?.sdp).not.toContain('stereo');
    expect(peers[0]?.remote).toContain('a=fmtp:111 maxaveragebitrate=128000;stereo=1\r\n');
  });

  test('ends with the page, at once', async () => {
    server.deleted = () => new Promise(() => {});
    const one = publisher();
    one.start(both, encoding);
    await pass();
    dispatchEvent(new Event('pagehide'));
    expect(peers[0]?.connectionState).toBe('closed');
    expect(server.count('DELETE')).toBe(1);
    expect(one.state).toBe('idle');
  });

  test('sends nothing after the end, and closes the connection when the server has deleted the session', async () => {
    let answer: (response: Response) => void = () => {};
    server.deleted = () => new Promise((resolve) => (answer = resolve));
    const one = publisher();
    one.start(both, encoding);
    await pass();
    const stopped = one.stop();
    await pass();
    expect(server.count('DELETE')).toBe(1);
    expect(peers[0]?.senders.map((sender) => sender.track)).toEqual([null, null]);
    expect(peers[0]?.connectionState).toBe('connected');
    answer(new Response(null));
    await stopped;
    expect(peers[0]?.connectionState).toBe('closed');
  });

  test('does not wait long for a server that does not answer the DELETE', async () => {
    const limits = vi.spyOn(AbortSignal, 'timeout');
    server.deleted = () => Promise.reject(new DOMException('', 'TimeoutError'));
    const one = publisher();
    one.start(both, encoding);
    await pass();
    await one.stop();
    expect(limits).toHaveBeenLastCalledWith(2000);
    expect(peers[0]?.connectionState).toBe('closed');
  });
});

describe('a first attempt that fails', () => {
  test.each([401, 403, 409, 422, 503])('with %d is not repeated', async (status) => {
    server.answers = [() => problem(status, 'the server’s words', { 'Retry-After': '7' })];
    const one = publisher();
    one.start(both, encoding);
    await pass(60_000);
    expect(one.state).toBe('failed');
    expect(one.error).toMatchObject({ kind: 'http', status, detail: 'the server’s words', retryAfter: 7 });
    expect(server.count('POST')).toBe(1);
    expect(server.count('DELETE')).toBe(0);
  });

  test('because the server is away says so', async () => {
    server.answers = [() => Promise.reject(new TypeError('Failed to fetch'))];
    const one = publisher();
    one.start(both, encoding);
    await pass();
    expect([one.state, one.error?.kind]).toEqual(['failed', 'network']);
  });

  test.each([
    ['no SDP', () => new Response('<html>', { status: 201, headers: { Location: '/session/1' } })],
    ['no Location', () => new Response('v=0\r\n', { status: 201 })],
  ])('because the answer has %s says so', async (_, answer) => {
    server.answers = [answer];
    const one = publisher();
    one.start(both, encoding);
    await pass();
    expect([one.state, one.error?.kind]).toEqual(['failed', 'answer']);
  });

  test('because media does not come up deletes the session after 15 seconds', async () => {
    const one = publisher({}, (peer) => {
      peer.connects = false;
    });
    one.start(both, encoding);
    await pass(14_999);
    expect(one.state).toBe('connecting');
    await pass(1);
    expect([one.state, one.error?.kind]).toEqual(['failed', 'media']);
    expect(server.count('DELETE')).toBe(1);
  });

  test('can be started again', async () => {
    server.answers = [() => problem(401, ''), created];
    const one = publisher();
    one.start(both, encoding);
    await pass();
    one.start(both, encoding);
    await pass();
    expect([one.state, one.error]).toEqual(['live', undefined]);
  });
});

describe('a connection that breaks', () => {
  test('is made anew, with growing pauses', async () => {
    const away = () => Promise.reject(new TypeError('down'));
    server.answers = [created, away, away, created];
    const one = publisher();
    one.start(both, encoding);
    await pass();
    peers[0]?.become('failed');
    await pass();
    expect([one.state, one.error?.kind]).toEqual(['reconnecting', 'lost']);
    const waits = [one.retryAt - Date.now()];
    for (let i = 0; i < 2; i++) {
      await pass(waits.at(-1));
      waits.push(one.retryAt - Date.now());
    }
    expect(waits).toEqual([500, 1000, 2000]);
    await pass(2000);
    expect([one.state, one.error, one.retryAt]).toEqual(['live', undefined, 0]);
    expect(peers.slice(0, -1).every((peer) => peer.connectionState === 'closed')).toBe(true);
  });

  test('waits as long as the server asks', async () => {
    server.answers = [created, () => problem(503, '', { 'Retry-After': '20' }), created];
    const one = publisher();
    one.start(both, encoding);
    await pass();
    peers[0]?.become('failed');
    await pass(500);
    expect(one.retryAt - Date.now()).toBe(20_000);
  });

  test('is not repeated when the server now refuses the key', async () => {
    server.answers = [created, () => problem(403, 'revoked')];
    const one = publisher();
    one.start(both, encoding);
    await pass();
    peers[0]?.become('failed');
    await pass(60_000);
    expect([one.state, one.error?.status]).toEqual(['failed', 403]);
    expect(server.count('POST')).toBe(2);
  });

  test('is tried at once when the network comes back', async () => {
    const one = publisher();
    one.start(both, encoding);
    await pass();
    peers[0]?.become('failed');
    await pass();
    dispatchEvent(new Event('online'));
    await pass();
    expect(one.state).toBe('live');
  });

  test('may be silent for a while', async () => {
    const one = publisher();
    one.start(both, encoding);
    await pass();
    peers[0]?.become('disconnected');
    await pass(5000);
    peers[0]?.become('connected');
    await pass(60_000);
    expect(one.state).toBe('live');
    peers[0]?.become('disconnected');
    await pass(6000);
    expect(one.state).toBe('reconnecting');
  });

  test('may find another path by an ICE restart', async () => {
    server.answers = [() => created({ 'Accept-Patch': 'application/trickle-ice-sdpfrag' })];
    server.patched = () => new Response('a=ice-ufrag:new\r\na=ice-pwd:newer\r\n');
    const one = publisher();
    one.start(both, encoding);
    await pass();
    const [peer] = peers;
    for (const times of [1, 2]) {
      peer?.become('disconnected');
      await pass(2000); // the fake is connected by the answer
      expect(server.count('PATCH')).toBe(times);
      await pass(60_000);
      expect(one.state).toBe('live');
    }
    const patch = server.last('PATCH');
    expect(patch?.url).toMatch(/\/session\/\d+$/);
    expect(patch?.headers.get('If-Match')).toBe('*');
    expect(patch?.body).toBe('a=ice-ufrag:next\r\na=ice-pwd:p\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n');
    expect(peers).toHaveLength(1);
  });

  test.each([
    ['the server has no restart', () => new Response(null, { status: 422 })],
    ['the restart finds no path', () => new Response('a=ice-ufrag:new\r\na=ice-pwd:newer\r\n')],
    ['nobody answers', () => new Promise<Response>(() => {})],
  ])('is noticed as before when %s', async (_, patched) => {
    server.answers = [() => created({ 'Accept-Patch': 'application/trickle-ice-sdpfrag' })];
    server.patched = patched;
    const one = publisher();
    one.start(both, encoding);
    await pass();
    const [peer] = peers;
    if (peer) {
      peer.connects = false;
    }
    peer?.become('disconnected');
    await pass(2000);
    expect(server.count('PATCH')).toBe(1);
    peer?.become('connecting');
    await pass(3900);
    expect(one.state).toBe('live');
    await pass(100);
    expect(one.state).toBe('reconnecting');
  });

  test('by the server gives way to another publisher, else goes on', async () => {
    const takenOver = vi.fn().mockRejectedValueOnce(new TypeError('down')).mockResolvedValue(true);
    const one = publisher({ takenOver });
    one.start(both, encoding);
    await pass();
    peers[0]?.transport.become('closed');
    await pass(1999);
    expect(takenOver).not.toHaveBeenCalled();
    await pass(1);
    expect(one.state).toBe('live');
    expect(server.count('DELETE'), 'of a session that the server has ended').toBe(0);
    peers[1]?.transport.become('closed');
    await pass(2000);
    expect([one.state, one.error?.kind]).toEqual(['failed', 'closed']);
  });

  test('stays ended when it is stopped while waiting', async () => {
    const one = publisher();
    one.start(both, encoding);
    await pass();
    peers[0]?.become('failed');
    await pass();
    await one.stop();
    await pass(60_000);
    expect(one.state).toBe('idle');
    expect(server.count('POST')).toBe(1);
  });
});

describe('changes while live', () => {
  test('of a track keep the session', async () => {
    const one = publisher();
    one.start(both, encoding);
    await pass();
    const screen = track('video');
    await one.replace({ ...both, video: screen });
    expect(peers[0]?.senders.map((sender) => sender.track)).toEqual([both.audio, screen]);
    await one.replace({ audio: null, video: screen });
    expect(peers[0]?.senders[0]?.track).toBeNull();
    expect(server.count('POST')).toBe(1);
  });

  test('to a kind that was not offered make a new session at once', async () => {
    const one = publisher();
    one.start({ audio: null, video: both.video }, encoding);
    await pass();
    await one.replace(both);
    await pass();
    expect([server.count('POST'), server.count('DELETE'), one.state]).toEqual([2, 1, 'live']);
    expect(peers[1]?.senders.map((sender) => sender.track)).toEqual([both.audio, both.video]);
  });

  test('made while it connects are not lost', async () => {
    const one = publisher({}, (peer) => {
      peer.connects = false;
    });
    one.start(both, encoding);
    await pass();
    const screen = track('video');
    await one.replace({ ...both, video: screen });
    peers[0]?.become('connected');
    await pass();
    expect(peers[0]?.senders[1]?.track).toBe(screen);
  });

  test('of bitrate and frame rate reach the encoder', async () => {
    const one = publisher();
    one.start(both, encoding);
    await pass();
    await one.encode({ ...encoding, maxBitrate: 900_000, maxFramerate: 15 });
    expect(peers[0]?.senders[1]?.parameters.encodings).toEqual([{ maxBitrate: 900_000, maxFramerate: 15 }]);
  });
});
