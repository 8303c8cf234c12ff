import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WhepStatistics } from '../api.ts';
import { WhepClient, type WhepStatus } from './client.ts';
import { FakePeerConnection } from './fake.ts';

const endpoint = 'https://gateway.example/whep/lobby';
const answer =
  'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:old\r\na=ice-pwd:old\r\na=candidate:1 1 udp 1 203.0.113.7 8443 typ host\r\n';

interface Call {
  method: string;
  url: string;
  headers: Headers;
  body: string;
  keepalive: boolean | undefined;
}

let calls: Call[];
let states: string[];
let statuses: WhepStatus[];
let shown: string[];
let statistics: WhepStatistics[];
/** How the gateway answers a POST, and a GET of the session. */
let reply: () => Response | Promise<Response>;
let sessionStatus: number;
let deleted: () => Promise<void>;
let patched: () => Response | Promise<Response>;
let client: WhepClient;

const created =
  (headers: Record<string, string> = {}) =>
  () =>
    new Response(answer, {
      status: 201,
      headers: { Location: '/session/1', 'Content-Type': 'application/sdp', ...headers },
    });

const refused =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  () =>
    new Response(body, { status, headers });

const fakeFetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
  const method = init.method ?? 'GET';
  const { headers, body, keepalive } = init;
  calls.push({ method, url: String(input), headers: new Headers(headers), body: String(body ?? ''), keepalive });
  if (method === 'POST') {
    return reply();
  }
  if (method === 'DELETE') {
    await deleted();
  }
  if (method === 'PATCH') {
    return patched();
  }
  return new Response(null, { status: method === 'GET' ? sessionStatus : 200 });
};

const methods = () => calls.map(({ method }) => method);
const advance = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** Connects, with media flowing. */
async function goLive(): Promise<FakePeerConnection> {
  client.start();
  await advance(0);
  const pc = FakePeerConnection.latest;
  pc.become('connected');
  pc.bytes = { audio: 100, video: 1000 };
  await advance(1000);
  expect(states.at(-1)).toBe('live');
  return pc;
}

/** Lets time go by while media flows. */
async function play(pc: FakePeerConnection, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    pc.bytes = { audio: pc.bytes.audio + 100, video: pc.bytes.video + 1000 };
    await advance(1000);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
  FakePeerConnection.all = [];
  calls = [];
  states = [];
  statuses = [];
  shown = [];
  statistics = [];
  reply = created();
  sessionStatus = 405;
  deleted = async () => {};
  patched = () => new Response(null, { status: 204 });
  client = new WhepClient(
    {
      endpoint,
      token: 'secret',
      fetch: fakeFetch,
      PeerConnection: FakePeerConnection as unknown as typeof RTCPeerConnection,
      random: () => 1,
    },
    {
      status: (status) => {
        statuses.push(status);
        states.push(status.reason ? `${status.state} ${status.reason}` : status.state);
      },
      tracks: (tracks) => shown.push(tracks.map(({ kind }) => kind).join('+')),
      statistics: (one) => statistics.push(one),
    },
  );
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

describe('a session', () => {
  test('offers to receive, without candidates, in stereo, with the token', async () => {
    await goLive();
    const post = calls[0];
    expect(post).toMatchObject({ method: 'POST', url: endpoint });
    expect(post?.headers.get('Content-Type')).toBe('application/sdp');
    expect(post?.headers.get('Authorization')).toBe('Bearer secret');
    expect(post?.body).toContain('stereo=1');
    expect(post?.body).not.toContain('candidate');
    expect(FakePeerConnection.latest.localDescription?.sdp).toBe(post?.body);
    expect(FakePeerConnection.latest.directions).toEqual(['audio recvonly', 'video recvonly']);
    expect(methods()).toEqual(['POST']);
  });

  test('goes through its states, and ends with DELETE', async () => {
    const pc = await goLive();
    client.close();
    await advance(0);
    expect(states).toEqual(['connecting', 'live', 'idle']);
    expect(calls.at(-1)).toMatchObject({ method: 'DELETE', url: 'https://gateway.example/session/1', keepalive: true });
    expect(pc.close).toHaveBeenCalled();
    await advance(60_000);
    expect(FakePeerConnection.all).toHaveLength(1);
  });

  test('closes the connection when the server has deleted the session', async () => {
    const pc = await goLive();
    let answerNow = () => {};
    deleted = () => new Promise((resolve) => (answerNow = resolve));
    client.close();
    await advance(0);
    expect(methods()).toEqual(['POST', 'DELETE']);
    expect(pc.close).not.toHaveBeenCalled();
    answerNow();
    await advance(0);
    expect(pc.close).toHaveBeenCalledOnce();
  });

  test('does not wait long for a server that does not answer the DELETE', async () => {
    const pc = await goLive();
    const limits = vi.spyOn(AbortSignal, 'timeout');
    deleted = () => Promise.reject(new DOMException('', 'TimeoutError'));
    client.close();
    await advance(0);
    expect(limits).toHaveBeenLastCalledWith(2000);
    expect(pc.close).toHaveBeenCalledOnce();
  });

  test('uses the ICE servers of the answer before it gathers candidates', async () => {
    reply = created({ Link: '<stun:stun.example>; rel="ice-server"' });
    client.start();
    await advance(0);
    const pc = FakePeerConnection.latest;
    expect(pc.configuration).toMatchObject({ bundlePolicy: 'max-bundle', iceServers: [{ urls: 'stun:stun.example' }] });
    expect(pc.setLocalDescription).toHaveBeenCalledOnce();
  });

  test('trickles candidates only to a server that takes them', async () => {
    const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 5000 typ host', sdpMid: '0' };
    for (const [headers, expected] of [
      [{}, 0],
      [{ 'Accept-Patch': 'application/trickle-ice-sdpfrag', ETag: '"e1"' }, 1],
    ] as const) {
      reply = created(headers);
      client.start();
      await advance(0);
      FakePeerConnection.latest.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }));
      FakePeerConnection.latest.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }));
      await advance(100);
      expect(methods().filter((method) => method === 'PATCH')).toHaveLength(expected);
    }
    const patch = calls.findLast(({ method }) => method === 'PATCH');
    expect(patch?.headers.get('If-Match')).toBe('"e1"');
    expect(patch?.body.match(/a=candidate/g)).toHaveLength(2);
  });

  test('shows only the kinds that have media, and the other one when it comes', async () => {
    client.start();
    await advance(0);
    const pc = FakePeerConnection.latest;
    pc.become('connected');
    pc.bytes.audio = 100;
    await advance(1000);
    expect(shown).toEqual(['audio+video', 'audio']);
    pc.bytes = { audio: 200, video: 1000 };
    await advance(1000);
    expect(shown.at(-1)).toBe('audio+video');
  });

  test('waits when no media comes, and says so after a second only', async () => {
    client.start();
    await advance(0);
    FakePeerConnection.latest.become('connected');
    await advance(900);
    expect(states).toEqual(['connecting']);
    await advance(1100);
    expect(states).toEqual(['connecting', 'waiting offline']);
  });

  test('reports statistics each second', async () => {
    const pc = await goLive();
    await play(pc, 3);
    expect(statistics).toHaveLength(4);
    expect(statistics.at(-1)?.bitrate).toBe(8800);
  });

  test('ends a session that was created after it was closed', async () => {
    let answerNow = (_: Response) => {};
    reply = () => new Promise((resolve) => (answerNow = resolve));
    client.start();
    await advance(0);
    client.close();
    answerNow(created()());
    await advance(0);
    expect(methods()).toEqual(['POST', 'DELETE']);
  });
});

describe('a lost session', () => {
  test('is told from one whose publisher pauses by asking the server', async () => {
    const pc = await goLive();
    await advance(3000);
    expect(states.at(-1)).toBe('waiting offline');
    expect(methods()).toContain('GET');
    await play(pc, 1);
    expect(states.at(-1)).toBe('live');
    expect(FakePeerConnection.all).toHaveLength(1);

    sessionStatus = 404;
    await advance(3000);
    expect(states.at(-1)).toBe('reconnecting gone');
    expect(methods(), 'of a session that the server has ended').not.toContain('DELETE');
    await advance(500);
    expect(FakePeerConnection.all).toHaveLength(2);
  });

  test('keeps its last picture until the next one has one', async () => {
    const pc = await goLive();
    pc.become('failed');
    await advance(600);
    expect(states.at(-1)).toBe('reconnecting interrupted');
    expect(pc.close).not.toHaveBeenCalled();
    FakePeerConnection.latest.become('connected');
    await play(FakePeerConnection.latest, 1);
    expect(states.at(-1)).toBe('live');
    expect(pc.close).toHaveBeenCalled();
  });

  test('may be disconnected for a moment', async () => {
    const pc = await goLive();
    pc.become('disconnected');
    await play(pc, 1);
    pc.become('connected');
    await play(pc, 5);
    expect(states.at(-1)).toBe('live');
    pc.become('disconnected');
    await advance(4000);
    expect(states).toContain('reconnecting interrupted');
  });

  test('is looked after on waking up', async () => {
    const pc = await goLive();
    client.wake();
    await advance(0);
    expect(states.at(-1)).toBe('live');
    pc.become('disconnected');
    client.wake();
    await advance(0);
    expect(states.at(-1)).toBe('reconnecting interrupted');
  });

  test('gets another path by an ICE restart where the server does that, and goes on', async () => {
    reply = created({ 'Accept-Patch': 'application/trickle-ice-sdpfrag', ETag: '"e1"' });
    patched = () =>
      new Response('a=ice-ufrag:new\r\na=ice-pwd:newer\r\na=candidate:2 1 udp 1 203.0.113.8 1 typ host\r\n');
    const pc = await goLive();
    for (const times of [1, 2]) {
      pc.become('disconnected');
      client.wake();
      client.wake();
      await advance(0);
      expect(methods().filter((method) => method === 'PATCH')).toHaveLength(times);
      pc.become('connecting');
      await advance(3000);
      pc.become('connected');
      await play(pc, 10);
    }
    expect(calls.findLast(({ method }) => method === 'PATCH')).toMatchObject({
      url: 'https://gateway.example/session/1',
      body: 'a=ice-ufrag:next\r\na=ice-pwd:p\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n',
    });
    expect(calls.findLast(({ method }) => method === 'PATCH')?.headers.get('If-Match')).toBe('*');
    expect(pc.setRemoteDescription).toHaveBeenLastCalledWith({
      type: 'answer',
      sdp: 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:new\r\na=ice-pwd:newer\r\na=candidate:2 1 udp 1 203.0.113.8 1 typ host\r\n',
    });
    expect(FakePeerConnection.all).toHaveLength(1);
    expect(states.at(-1)).toBe('live');
    pc.dispatchEvent(
      Object.assign(new Event('icecandidate'), { candidate: { candidate: 'candidate:1', sdpMid: '0' } }),
    );
    await advance(100);
    expect(
      methods().filter((method) => method === 'PATCH'),
      'no candidates under the old tag',
    ).toHaveLength(2);
  });

  test.each([
    ['the server has no restart', () => new Response(null, { status: 204 }), 0],
    ['the session has ended', () => new Response('', { status: 404 }), 0],
    ['the server can not be reached', () => Promise.reject(new TypeError('Failed to fetch')), 0],
    ['the restart finds no path', () => new Response('a=ice-ufrag:new\r\na=ice-pwd:newer\r\n'), 6000],
  ])('gives way to a new one when %s', async (_, answered, after) => {
    reply = created({ 'Accept-Patch': 'application/trickle-ice-sdpfrag' });
    patched = answered;
    const pc = await goLive();
    pc.become('disconnected');
    await advance(3000);
    if (after > 0) {
      pc.become('connecting');
      expect(states.at(-1)).not.toMatch(/reconnecting/);
    }
    await advance(after + 1000);
    expect(states).toContain('reconnecting interrupted');
    expect(FakePeerConnection.all.length).toBeGreaterThan(1);
  });

  test('is left for the live edge when its delay has grown behind the viewer', async () => {
    const pc = await goLive();
    pc.bufferDelay = 2 * 25;
    pc.emitted = 25;
    await play(pc, 1);
    expect(statistics.at(-1)?.jitterBufferMs).toBe(2000);
    client.wake();
    await advance(0);
    expect(states.at(-1)).toBe('reconnecting interrupted');
  });
});

describe('a refusal', () => {
  test.each([
    [401, 'failed unauthorized'],
    [403, 'failed forbidden'],
    [406, 'failed codec'],
    [422, 'failed codec'],
    [400, 'failed rejected'],
    [405, 'failed rejected'],
  ])('%i is final: %s', async (status, state) => {
    reply = refused(status);
    client.start();
    await advance(600_000);
    expect(states).toEqual(['connecting', state]);
    expect(methods()).toEqual(['POST']);
  });

  test.each([[404], [409]])('%i waits for the stream', async (status) => {
    reply = refused(status);
    client.start();
    await advance(10_000);
    expect(states).toEqual(['connecting', 'waiting offline']);
    expect(methods().length).toBeGreaterThan(3);
    reply = created();
    client.wake();
    await advance(0);
    FakePeerConnection.latest.become('connected');
    await play(FakePeerConnection.latest, 1);
    expect(states.at(-1)).toBe('live');
  });

  test('carries the words of the problem document', async () => {
    reply = refused(400, { 'Content-Type': 'application/problem+json' }, '{"title":"Bad","detail":"two video lines"}');
    client.start();
    await advance(0);
    expect(statuses.at(-1)?.detail).toBe('two video lines');
  });

  test('may name its own pause', async () => {
    reply = refused(503, { 'Retry-After': '20' });
    client.start();
    await advance(19_900);
    expect(methods()).toHaveLength(1);
    await advance(200);
    expect(methods()).toHaveLength(2);
  });

  test('of the network fails after a few attempts, and goes on trying with longer and longer pauses', async () => {
    reply = () => Promise.reject(new TypeError('Failed to fetch'));
    client.start();
    await advance(0);
    const times: number[] = [];
    for (let i = 0; i < 600; i++) {
      const before = calls.length;
      await advance(100);
      if (calls.length > before) {
        times.push(i);
      }
    }
    expect(states).toEqual(['connecting', 'reconnecting unreachable', 'failed unreachable']);
    const pauses = times.map((time, i) => time - (times[i - 1] ?? -1));
    expect(pauses.slice(0, 7)).toEqual([5, 10, 20, 40, 80, 150, 150]);
    reply = created();
    client.wake();
    await advance(0);
    FakePeerConnection.latest.become('connected');
    await play(FakePeerConnection.latest, 1);
    expect(states.at(-1)).toBe('live');
  });

  test('by an answer that is no SDP is one, too', async () => {
    reply = () => new Response('<html>', { status: 200 });
    client.start();
    await advance(0);
    expect(states.at(-1)).toBe('failed rejected');
  });
});

describe('a blocked network', () => {
  test('is named with the port of the server', async () => {
    client.start();
    await advance(12_000);
    expect(states.slice(0, 2)).toEqual(['connecting', 'failed blocked']);
    expect(statuses.at(-1)?.port).toBe(8443);
    expect(methods()).toContain('DELETE');
  });

  test('is told by ICE', async () => {
    client.start();
    await advance(0);
    FakePeerConnection.latest.become('failed');
    await advance(0);
    expect(states.at(-1)).toBe('failed blocked');
  });
});

test('a browser without WebRTC is told so', async () => {
  client = new WhepClient(
    { endpoint, token: null, fetch: fakeFetch, PeerConnection: undefined as unknown as typeof RTCPeerConnection },
    { status: ({ state, reason }) => states.push(`${state} ${reason}`), tracks: () => {}, statistics: () => {} },
  );
  client.start();
  await advance(60_000);
  expect(states.at(-1)).toBe('failed unsupported');
  expect(calls).toEqual([]);
});

test('starting anew ends the session before, without a word of idleness', async () => {
  await goLive();
  client.start();
  await advance(0);
  expect(states).toEqual(['connecting', 'live', 'connecting']);
  expect(methods().sort()).toEqual(['DELETE', 'POST', 'POST']);
});
