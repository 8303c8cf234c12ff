import { beforeEach, describe, expect, type Mock, test, vi } from 'vitest';
import { overEvents } from './events.ts';
import { type LinkListener, overChannel, overSocket, refusal } from './link.ts';
import { addressOf } from './way.ts';

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
const join = { type: 'join' };
let listener: { frame: Mock<LinkListener['frame']>; ended: Mock<LinkListener['ended']> };

beforeEach(() => {
  listener = { frame: vi.fn(), ended: vi.fn() };
});

describe('a data channel', () => {
  class FakeChannel extends EventTarget {
    readyState: RTCDataChannelState = 'connecting';
    send = vi.fn();
    close = vi.fn();
  }

  test('says join when it is open, carries frames, and ends once', () => {
    const channel = new FakeChannel();
    const link = overChannel(channel as unknown as RTCDataChannel)(join, listener);
    expect(channel.send).not.toHaveBeenCalled();
    channel.dispatchEvent(new Event('open'));
    link.send({ type: 'members' });
    expect(channel.send.mock.calls).toEqual([['{"type":"join"}'], ['{"type":"members"}']]);
    channel.dispatchEvent(new MessageEvent('message', { data: '[]' }));
    expect(listener.frame).toHaveBeenCalledWith('[]');
    channel.dispatchEvent(new Event('close'));
    channel.dispatchEvent(new Event('close'));
    expect(listener.ended).toHaveBeenCalledOnce();
  });

  test('that closes without a word is noticed', () => {
    vi.useFakeTimers();
    const channel = new FakeChannel();
    overChannel(channel as unknown as RTCDataChannel)(join, listener);
    channel.readyState = 'closed';
    vi.advanceTimersByTime(1000);
    expect(listener.ended).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });

  test('that can not send ends', () => {
    const channel = new FakeChannel();
    channel.readyState = 'open';
    channel.send.mockImplementation(() => {
      throw new DOMException('', 'InvalidStateError');
    });
    overChannel(channel as unknown as RTCDataChannel)(join, listener);
    expect(listener.ended).toHaveBeenCalledOnce();
  });
});

test('a WebSocket carries frames in messages, and ends where it breaks', () => {
  class FakeChannel extends EventTarget {
    send = vi.fn((_: object) => true);
    close = vi.fn(async () => undefined);
  }
  const channel = new FakeChannel();
  const link = overSocket({ channel: () => channel as never }, 'lobby')(join, listener);
  channel.dispatchEvent(new Event('up'));
  link.send({ type: 'members' });
  expect(channel.send.mock.calls.map(([message]) => message)).toEqual([
    { type: 'chat', stream: 'lobby', frame: join },
    { type: 'chat', stream: 'lobby', frame: { type: 'members' } },
  ]);
  channel.dispatchEvent(new MessageEvent('message', { data: { type: 'chat', frame: [{ type: 'welcome' }] } }));
  expect(listener.frame).toHaveBeenCalledWith([{ type: 'welcome' }]);
  channel.dispatchEvent(new Event('down'));
  channel.dispatchEvent(new Event('close'));
  expect(listener.ended).toHaveBeenCalledOnce();
  expect(channel.close).toHaveBeenCalledOnce();
});

describe('server-sent events', () => {
  class FakeSource extends EventTarget {
    static latest: FakeSource | undefined;
    close = vi.fn();

    constructor(readonly url: string) {
      super();
      FakeSource.latest = this;
    }
  }

  let requests: string[];
  let answer: () => Response;
  const world = {
    EventSource: FakeSource as unknown as typeof EventSource,
    fetch: (async (url: string, init: RequestInit) => {
      requests.push(
        `${init.method} ${url} ${new Headers(init.headers).get('Authorization') ?? ''} ${init.body ?? ''}`.trim(),
      );
      return answer();
    }) as typeof fetch,
  };
  const open = (token: string | null = null) =>
    overEvents('https://a.example/chat/lobby', token, world)(join, listener);

  beforeEach(() => {
    requests = [];
    FakeSource.latest = undefined;
    answer = () => new Response(null, { status: 201, headers: { Location: '/chat/lobby/secret' } });
  });

  test('join by POST, listen, ask in order, and leave', async () => {
    const link = open('key');
    link.send({ n: 1 });
    link.send({ n: 2 });
    await settle();
    FakeSource.latest?.dispatchEvent(new MessageEvent('message', { data: '[]' }));
    expect(listener.frame).toHaveBeenCalledWith('[]');
    link.close();
    expect(requests).toEqual([
      'POST https://a.example/chat/lobby Bearer key {"type":"join"}',
      'POST https://a.example/chat/lobby/secret  {"n":1}',
      'POST https://a.example/chat/lobby/secret  {"n":2}',
      'DELETE https://a.example/chat/lobby/secret',
    ]);
    expect(FakeSource.latest?.close).toHaveBeenCalled();
    expect(listener.ended).not.toHaveBeenCalled();
  });

  test('a refusal is told with its code and its time', async () => {
    const problem = JSON.stringify({ title: 'Forbidden', detail: 'banned until tomorrow', code: 'banned' });
    answer = () => new Response(problem, { status: 403, headers: { 'Retry-After': '90' } });
    open();
    await settle();
    expect(listener.ended).toHaveBeenCalledWith({ code: 'banned', detail: 'banned until tomorrow', retryAfter: 90 });
  });

  test('a broken connection ends it, and the server is told', async () => {
    open();
    await settle();
    FakeSource.latest?.dispatchEvent(new Event('error'));
    FakeSource.latest?.dispatchEvent(new Event('error'));
    expect(listener.ended).toHaveBeenCalledOnce();
    expect(requests.at(-1)).toBe('DELETE https://a.example/chat/lobby/secret');
  });

  test('a request that the server does not take ends it', async () => {
    const link = open();
    await settle();
    answer = () => new Response('', { status: 404 });
    link.send({});
    await settle();
    expect(listener.ended).toHaveBeenCalledOnce();
  });
});

test.each([
  [404, {}, 'unavailable'],
  [403, {}, 'banned'],
  [429, { code: 'too-many-sessions' }, 'crowded'],
  [503, { code: 'full' }, 'full'],
  [500, { code: 'internal' }, 'closed'],
])('status %i with %j means %s', (status, problem, code) => {
  expect(refusal(status, problem, 0)).toEqual({ code, detail: '' });
});

test.each([
  ['/whep/lobby', null, 'https://a.example/chat/lobby', 'lobby'],
  ['https://b.example/live/whep/%EB%B4%89', null, 'https://b.example/live/chat/%EB%B4%89', '봉'],
  ['/chat/lobby', null, 'https://a.example/chat/lobby', 'lobby'],
  [null, '봉', 'https://a.example/chat/%EB%B4%89', '봉'],
])('the chat of %s or %s is at %s', (src, stream, url, name) => {
  expect(addressOf(src, stream, 'https://a.example/page')).toEqual({ url, stream: name });
});

test.each([
  [null, null],
  ['', ''],
  ['/other', null],
  ['http://', null],
])('%j and %j have none', (src, stream) => {
  expect(addressOf(src, stream, 'https://a.example/')).toBeUndefined();
});
