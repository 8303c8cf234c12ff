import type { ReactiveControllerHost } from 'lit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeTrack, isLive, Poll } from './streams.ts';

const host = () => ({ addController: vi.fn(), requestUpdate: vi.fn() }) as unknown as ReactiveControllerHost;
const json = (body: unknown, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });

let hidden = false;

beforeEach(() => {
  vi.useFakeTimers();
  hidden = false;
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
});

afterEach(() => vi.useRealTimers());

describe('Poll', () => {
  test('asks every two seconds, and not while the page is hidden', async () => {
    const ask = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => json({ streams: [] }));
    const poll = new Poll(host(), () => '/api/v1/streams');
    poll.hostConnected();
    await vi.advanceTimersByTimeAsync(4100);
    expect(ask).toHaveBeenCalledTimes(3);

    hidden = true;
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(3);

    hidden = false;
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(0);
    expect(ask).toHaveBeenCalledTimes(4);

    poll.hostDisconnected();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(4);
  });

  test('keeps what it knew when the server is gone, says so, and goes on', async () => {
    const ask = vi.spyOn(globalThis, 'fetch').mockResolvedValueOnce(json({ viewers: 3 }));
    const poll = new Poll<{ viewers: number }>(host(), () => '/x');
    poll.hostConnected();
    await vi.advanceTimersByTimeAsync(10);
    expect([poll.value, poll.failed]).toEqual([{ viewers: 3 }, false]);

    ask.mockRejectedValueOnce(new TypeError('down'));
    await vi.advanceTimersByTimeAsync(2000);
    expect([poll.value, poll.failed]).toEqual([{ viewers: 3 }, true]);

    ask.mockResolvedValueOnce(json({}, 503));
    await vi.advanceTimersByTimeAsync(2000);
    expect([poll.value, poll.failed]).toEqual([{ viewers: 3 }, true]);

    ask.mockResolvedValueOnce(json({ viewers: 4 }));
    await vi.advanceTimersByTimeAsync(2000);
    expect([poll.value, poll.failed]).toEqual([{ viewers: 4 }, false]);
    poll.hostDisconnected();
  });

  test('knows how far the clocks are apart', async () => {
    vi.setSystemTime('2026-01-01T00:00:00Z');
    vi.spyOn(globalThis, 'fetch').mockResolvedValue(json({}, 200, { Date: 'Thu, 01 Jan 2026 00:01:00 GMT' }));
    const poll = new Poll(host(), () => '/x');
    poll.hostConnected();
    await vi.advanceTimersByTimeAsync(0);
    expect(poll.offset).toBe(60_000);
    poll.hostDisconnected();
  });
});

test('isLive asks for the one stream', async () => {
  const ask = vi.spyOn(globalThis, 'fetch');
  ask.mockResolvedValueOnce(json({ state: 'live' }));
  expect(await isLive('봉수')).toBe(true);
  expect(ask.mock.lastCall?.[0]).toBe('/api/v1/streams/%EB%B4%89%EC%88%98');
  ask.mockResolvedValueOnce(json({ state: 'standby' }));
  expect(await isLive('a')).toBe(false);
  ask.mockResolvedValueOnce(json({ state: 'live' }, 404));
  expect(await isLive('a')).toBe(false);
});

test('a track is described as far as it is known', () => {
  expect(describeTrack({ kind: 'video', codec: 'H264', width: 1280, height: 720 })).toBe('H264 1280×720');
  expect(describeTrack({ kind: 'video', codec: 'VP8', width: 0, height: 0 })).toBe('VP8');
});
