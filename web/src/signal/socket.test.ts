import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeWebSocket } from './fake.ts';
import { SignalSocket, signalSocket, signalURL } from './socket.ts';

let socket: SignalSocket;
let events: string[];

/** A channel whose events are noted. */
function channel(name = 'a') {
  const one = socket.channel();
  for (const type of ['up', 'down', 'close']) {
    one.addEventListener(type, () => events.push(`${name} ${type}`));
  }
  one.addEventListener('message', (event) => events.push(`${name} ${(event as MessageEvent).data.type}`));
  return one;
}

const play = { type: 'play', stream: 'lobby', sdp: 'v=0' };
const pass = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);
const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

/** A channel with a session. */
async function playing(name = 'a') {
  const one = channel(name);
  const answer = one.request(play);
  if (!socket.up) {
    FakeWebSocket.latest.open();
  }
  FakeWebSocket.latest.say({ type: 'answer', id: one.id, sdp: 'v=0' });
  await answer;
  return one;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeWebSocket);
  FakeWebSocket.all = [];
  events = [];
  socket = new SignalSocket('wss://tv.example/signal', () => 1);
});

afterEach(async () => {
  dispatchEvent(new Event('pagehide'));
  await pass();
  expect(vi.getTimerCount(), 'timers left behind').toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a socket', () => {
  test('connects for the first channel, is shared by all, and closes after the last', async () => {
    expect(FakeWebSocket.all).toHaveLength(0);
    const [a, b] = [channel('a'), channel('b')];
    expect(a.send({ type: 'chat' }), 'before the server greets').toBe(false);
    const { url, protocols } = FakeWebSocket.latest;
    expect([url, protocols]).toEqual(['wss://tv.example/signal', ['bongsu.v1']]);
    FakeWebSocket.latest.open();
    const c = channel('c');
    await pass();
    expect(events).toEqual(['a up', 'b up', 'c up']);
    expect(a.send({ type: 'chat', stream: 'lobby' })).toBe(true);
    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'chat', stream: 'lobby', id: a.id }]);
    await Promise.all([b.close(), c.close()]); // nothing was said on these: no goodbye
    expect(FakeWebSocket.latest.types()).toEqual(['chat']);
    const gone = a.close();
    expect(FakeWebSocket.latest.closed).toBeUndefined();
    FakeWebSocket.latest.say({ type: 'bye', id: a.id });
    await gone;
    expect(FakeWebSocket.latest.closed).toBe(1000);
    expect(FakeWebSocket.all).toHaveLength(1);
    expect(events).toHaveLength(3);
  });

  test('closes without the goodbye of a server that says none', async () => {
    const a = await playing();
    const gone = a.close();
    await pass(2000);
    await gone;
    expect(FakeWebSocket.latest.closed).toBe(1000);
  });

  test('closes at once when the page is left, and what waits is told', async () => {
    const waiting = failure(channel().request(play));
    await playing('b');
    dispatchEvent(new Event('pagehide'));
    expect(FakeWebSocket.latest.closed).toBe(1000);
    expect(await waiting).toMatchObject({ kind: 'network' });
    expect(events).toContain('b close');
    await pass(60_000);
    expect(FakeWebSocket.all).toHaveLength(1);
  });

  test('that can not be opened is tried again with growing pauses, and at once for a new channel', async () => {
    const a = channel();
    const refused = failure(a.request(play));
    FakeWebSocket.latest.break();
    expect(await refused).toMatchObject({ kind: 'network' });
    expect(events).toEqual(['a down']);
    for (const [pause, attempts] of [
      [500, 2],
      [1000, 3],
      [2000, 4],
    ] as const) {
      await pass(pause - 1);
      expect(FakeWebSocket.all).toHaveLength(attempts - 1);
      await pass(1);
      expect(FakeWebSocket.all).toHaveLength(attempts);
      FakeWebSocket.latest.break();
    }
    channel('b');
    expect(FakeWebSocket.all).toHaveLength(5);
    await pass(8000);
    expect(
      events.filter((one) => one === 'b down'),
      'nobody has answered',
    ).toHaveLength(1);
    dispatchEvent(new Event('online'));
    expect(FakeWebSocket.all).toHaveLength(6);
  });

  test('that the page may not open is one that can not be opened', async () => {
    vi.stubGlobal('WebSocket', () => {
      throw new DOMException('insecure', 'SecurityError');
    });
    const refused = failure(channel().request(play));
    await pass();
    expect(await refused).toMatchObject({ kind: 'network' });
  });
});

describe('a request', () => {
  test('has the answer of its own type and channel', async () => {
    const [a, b] = [await playing('a'), channel('b')];
    const server = FakeWebSocket.latest;
    const [restarted, opened] = [a.request({ type: 'restart', fragment: 'f' }), b.request(play)];
    server.say({ type: 'error', id: a.id, about: 'candidate', problem: { status: 400 } });
    server.say({ type: 'answer', id: b.id, sdp: 'v=0 b' });
    server.say({ type: 'event', id: a.id, event: 'active' });
    server.say({ type: 'restart', id: a.id, fragment: 'g' });
    expect((await restarted)['fragment']).toBe('g');
    expect((await opened)['sdp']).toBe('v=0 b');
    expect(events).toEqual(['a up', 'a error', 'a event', 'b up']);
  });

  test('may be refused, in the words of the problem document', async () => {
    const a = channel();
    const refused = failure(a.request(play));
    FakeWebSocket.latest.open();
    const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, detail: 'full' };
    FakeWebSocket.latest.say({ type: 'error', id: a.id, about: 'play', problem, retryAfter: 10 });
    expect(await refused).toMatchObject({ kind: 'refused', status: 503, detail: 'full', retryAfter: 10_000 });
    const next = failure(a.request(play));
    FakeWebSocket.latest.say({ type: 'error', id: a.id, problem: {} });
    expect(await next).toMatchObject({ kind: 'refused', status: 0, detail: '', retryAfter: undefined });
  });

  test('without an answer ends, and a late answer has the session ended', async () => {
    const a = channel();
    channel('b');
    const late = failure(a.request(play, 1000));
    FakeWebSocket.latest.open();
    await pass(1000);
    expect(await late).toMatchObject({ kind: 'timeout' });
    a.end();
    FakeWebSocket.latest.say({ type: 'answer', id: a.id, sdp: 'v=0' });
    expect(FakeWebSocket.latest.last('bye')).toEqual({ type: 'bye', id: a.id });
  });

  test('ends when the channel is closed', async () => {
    const a = channel();
    const opened = failure(a.request(play));
    FakeWebSocket.latest.open();
    void a.close();
    expect(await opened).toMatchObject({ kind: 'network' });
    expect(FakeWebSocket.latest.types()).toEqual(['play', 'bye']);
    FakeWebSocket.latest.say({ type: 'bye', id: a.id });
    expect(await failure(a.request(play))).toMatchObject({ kind: 'network' });
    expect(a.send({ type: 'candidate', candidate: '' })).toBe(false);
  });
});

describe('a break', () => {
  test('is bridged: sessions go on, and what was missed follows', async () => {
    const [a, b] = [await playing('a'), await playing('b')];
    FakeWebSocket.latest.say({ type: 'chat', id: a.id, frame: [] }); // is not counted
    FakeWebSocket.latest.say({ type: 'event', id: a.id, event: 'active' });
    events = [];
    FakeWebSocket.latest.break();
    expect(events).toEqual(['a down', 'b down']);
    await pass(500);
    FakeWebSocket.latest.open('w2');
    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'hello', resume: 'w1', received: 3 }]);
    expect(socket.up).toBe(false);
    FakeWebSocket.latest.say({ type: 'hello', resume: 'w3', within: 15, sessions: [a.id] });
    FakeWebSocket.latest.say({ type: 'bye', id: b.id });
    expect(events.slice(2)).toEqual(['a up', 'b up', 'b bye', 'b close']);
    expect(a.closed).toBe(false);

    FakeWebSocket.latest.break();
    await pass(500);
    FakeWebSocket.latest.open('w4');
    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'hello', resume: 'w3', received: 4 }]);
  });

  test('that was too long ends the sessions, and the socket is as good as new', async () => {
    const a = await playing('a');
    const b = channel('b');
    const opened = b.request(play);
    FakeWebSocket.latest.break();
    await pass(500);
    FakeWebSocket.latest.open('w2');
    const problem = { status: 410, code: 'not-resumable' };
    FakeWebSocket.latest.say({ type: 'error', about: 'hello', problem });
    expect(a.closed).toBe(true);
    expect(events).toContain('a close');
    expect(FakeWebSocket.latest.types()).toEqual(['hello', 'play']);
    FakeWebSocket.latest.say({ type: 'answer', id: b.id, sdp: 'v=0' });
    await opened;
    FakeWebSocket.latest.break();
    await pass(500);
    FakeWebSocket.latest.open('w3');
    expect(FakeWebSocket.latest.sent).toEqual([{ type: 'hello', resume: 'w2', received: 2 }]);
  });

  test('has requests repeated that the server can not have got', async () => {
    const a = await playing('a');
    const [b, c] = [channel('b'), channel('c')];
    const all = [a.request({ type: 'restart', fragment: 'f' }), b.request(play), c.request(play)];
    FakeWebSocket.latest.break();
    await pass(500);
    const server = FakeWebSocket.latest;
    server.open('w2');
    server.say({ type: 'hello', resume: 'w3', within: 15, sessions: [a.id, c.id] });
    expect(server.sent.slice(1)).toEqual([
      { type: 'restart', fragment: 'f', id: a.id },
      { ...play, id: b.id },
    ]);
    server.say({ type: 'restart', id: a.id, fragment: 'g' });
    server.say({ type: 'answer', id: b.id, sdp: '' });
    server.say({ type: 'answer', id: c.id, sdp: '' });
    await Promise.all(all);
  });

  test('that nobody has noticed is found out by a request without an answer', async () => {
    const a = await playing();
    const restarted = a.request({ type: 'restart', fragment: 'f' }, 3000);
    await pass(1500);
    const [dead, server] = FakeWebSocket.all;
    expect(dead?.closed, 'a code by which its sessions would end').toBe(4001);
    server?.open('w2');
    server?.say({ type: 'hello', resume: 'w3', within: 15, sessions: [a.id] });
    server?.say({ type: 'restart', id: a.id, fragment: 'g' });
    await restarted;

    const checked = socket.check();
    await pass(1500);
    expect(FakeWebSocket.all).toHaveLength(3);
    FakeWebSocket.latest.open('w4');
    FakeWebSocket.latest.say({ type: 'error', about: 'hello', problem: { status: 410 } });
    FakeWebSocket.latest.say({ type: 'error', about: 'bye', id: FakeWebSocket.latest.last('bye')?.id, problem: {} });
    await checked;
    expect(a.closed).toBe(true);
  });

  test('of the network is looked after when it is back', async () => {
    await playing();
    dispatchEvent(new Event('online'));
    expect(FakeWebSocket.all).toHaveLength(2);
    FakeWebSocket.latest.open('w2');
    dispatchEvent(new Event('online'));
    expect(FakeWebSocket.all, 'while the first one is being resumed').toHaveLength(2);
  });
});

test('what is no message does no harm', async () => {
  const a = await playing();
  for (const data of ['', 'null', '[]', '3', '{"type":5}', '{"type":"bye","id":7}', '{"type":"hello"}']) {
    FakeWebSocket.latest.dispatchEvent(new MessageEvent('message', { data }));
  }
  expect(a.closed).toBe(false);
});

test('a page has one socket for each server, and another where that has no room', () => {
  const url = 'wss://tv.example/signal';
  const first = signalSocket(url);
  expect(signalSocket(url)).toBe(first);
  expect(signalSocket('wss://other.example/signal')).not.toBe(first);
  const channels = Array.from({ length: 16 }, () => first.channel());
  const second = signalSocket(url);
  expect(second).not.toBe(first);
  expect(signalSocket(url)).toBe(second);
  channels[0]?.end();
  expect(signalSocket(url)).toBe(first);
});

test.each([
  ['https://tv.example/whep/lobby', 'wss://tv.example/signal', 'lobby'],
  ['http://tv.example:8080/whip/%EB%B4%89?a=b#c', 'ws://tv.example:8080/signal', '봉'],
  ['/whep/lobby', 'wss://page.example/signal', 'lobby'],
  ['/live/whep/lobby', 'wss://page.example/live/signal', 'lobby'],
  ['https://tv.example/whip', 'wss://tv.example/signal', ''],
  ['https://tv.example/whip/', 'wss://tv.example/signal', ''],
  ['https://tv.example/whep/%E0', 'wss://tv.example/signal', '%E0'],
])('the socket of %s is %s, for the stream %s', (endpoint, url, stream) => {
  expect(signalURL(endpoint, 'https://page.example/watch')).toEqual({ url, stream });
});
