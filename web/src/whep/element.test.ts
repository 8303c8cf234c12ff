import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { WhepStateDetail } from '../api.ts';
import { setLanguage } from '../i18n/index.ts';
import { FakeWebSocket } from '../signal/fake.ts';
import { WhepVideo } from './element.ts';

class SilentPeerConnection extends EventTarget {
  connectionState = 'new';
  addTransceiver() {}
  createOffer = async () => ({ type: 'offer', sdp: 'v=0\r\n' });
  getStats = async () => new Map();
  close = vi.fn();
}

let posts: { url: string; authorization: string | null }[];
let details: WhepStateDetail[];
let status: number;

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

function make(attributes: Record<string, string>): WhepVideo {
  const video = document.createElement('whep-video') as unknown as WhepVideo;
  for (const [name, value] of Object.entries(attributes)) {
    video.setAttribute(name, value);
  }
  video.addEventListener('statechange', (event) => details.push((event as CustomEvent<WhepStateDetail>).detail));
  document.body.append(video);
  return video;
}

beforeEach(() => {
  posts = [];
  details = [];
  status = 401;
  vi.stubGlobal('RTCPeerConnection', SilentPeerConnection);
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    posts.push({ url, authorization: new Headers(init.headers).get('Authorization') });
    return new Response('', { status });
  });
});

afterEach(() => {
  document.body.replaceChildren();
  setLanguage('en');
  vi.unstubAllGlobals();
});

test('connects once for attributes that are set together, and keeps src from the native element', async () => {
  const video = make({ src: '/whep/a', token: 't' });
  video.setAttribute('src', '/whep/b');
  await settle();
  expect(posts).toEqual([{ url: '/whep/b', authorization: 'Bearer t' }]);
  expect(video.nativeEl.hasAttribute('src')).toBe(false);
  expect(video).toBeInstanceOf(WhepVideo);
});

test('tells its state in words, and in those of another language', async () => {
  const video = make({ src: '/whep/a' });
  await settle();
  expect(video.state).toBe('failed');
  expect(video.reason).toBe('unauthorized');
  const english = details.at(-1);
  expect(english?.message).toBe(`${english?.title} ${english?.advice}`);
  expect(english?.title).toMatch(/token/);
  setLanguage('ko');
  expect(details.at(-1)?.title).toMatch(/토큰/);
  video.setAttribute('lang', 'en');
  expect(details.at(-1)).toEqual(english);
});

test('tries again with another token', async () => {
  const video = make({ src: '/whep/a' });
  await settle();
  video.token = 'right';
  await settle();
  expect(posts.map(({ authorization }) => authorization)).toEqual([null, 'Bearer right']);
  video.token = null;
  expect(video.hasAttribute('token')).toBe(false);
});

test('goes by WebSocket where it is told to', async () => {
  FakeWebSocket.all = [];
  vi.stubGlobal('WebSocket', FakeWebSocket);
  const video = make({ src: 'https://tv.example/whep/a', signaling: 'ws' });
  await settle();
  expect(FakeWebSocket.latest.url).toBe('wss://tv.example/signal');
  expect(posts).toEqual([]);
  video.signaling = 'http';
  await settle();
  expect(posts).toHaveLength(1);
  expect(FakeWebSocket.latest.closed).toBe(1000);
});

test('waits for play() with preload="none", and does not with autoplay', async () => {
  const video = make({ src: '/whep/a', preload: 'none' });
  await settle();
  expect(video.state).toBe('idle');
  video.dispatchEvent(new Event('play'));
  await settle();
  expect(posts).toHaveLength(1);
  make({ src: '/whep/b', preload: 'none', autoplay: '' });
  await settle();
  expect(posts).toHaveLength(2);
});

test('leaves with the page and comes back with it', async () => {
  status = 409;
  const video = make({ src: '/whep/a' });
  await settle();
  expect(video.state).toBe('waiting');
  dispatchEvent(new Event('pagehide'));
  expect(video.state).toBe('idle');
  dispatchEvent(new Event('pageshow'));
  await settle();
  expect(video.state).toBe('waiting');
  video.close();
  dispatchEvent(new Event('pagehide'));
  dispatchEvent(new Event('pageshow'));
  expect(video.state).toBe('idle');
});

test('closes the connection at once when the page is left', async () => {
  const video = make({ src: '/whep/a' });
  await Promise.resolve();
  const { peerConnection } = video;
  expect(video.state).toBe('connecting');
  dispatchEvent(new Event('pagehide'));
  expect(peerConnection?.close).toHaveBeenCalledOnce();
});

test('ends when it is removed', async () => {
  status = 409;
  const video = make({ src: '/whep/a' });
  await settle();
  video.remove();
  expect(video.state).toBe('idle');
  video.reconnect();
  expect(video.state).toBe('idle');
});
