/** The clients of WHEP and WHIP with their signaling over a WebSocket. What is the same by HTTP is tested there. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WhepClient } from '../whep/client.ts';
import { FakePeerConnection } from '../whep/fake.ts';
import { WhipClient } from '../whip/client.ts';
import { FakePeer, FakeServer } from '../whip/fake.ts';
import type { Encoding, Tracks } from '../whip/session.ts';
import { FakeWebSocket } from './fake.ts';

const answer =
  'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:old\r\na=ice-pwd:old\r\na=rtpmap:111 opus/48000/2\r\n';
const pass = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);

/** The id of the latest session. */
const id = () => FakeWebSocket.latest.sent.findLast(({ type }) => type === 'play' || type === 'publish')?.id;
const accept = (iceServers: RTCIceServer[] = []) =>
  FakeWebSocket.latest.say({ type: 'answer', id: id(), sdp: answer, iceServers });
const refuse = (status: number, retryAfter?: number) =>
  FakeWebSocket.latest.say({ type: 'error', id: id(), problem: { status, detail: 'no' }, retryAfter });
const restarted = () =>
  FakeWebSocket.latest.say({ type: 'restart', id: id(), fragment: 'a=ice-ufrag:new\r\na=ice-pwd:newer\r\n' });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
  vi.stubGlobal('WebSocket', FakeWebSocket);
  vi.stubGlobal('MediaStream', class {});
  FakeWebSocket.all = [];
  FakePeerConnection.all = [];
});

afterEach(async () => {
  dispatchEvent(new Event('pagehide'));
  await pass();
  expect(vi.getTimerCount(), 'timers left behind').toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a viewer', () => {
  let client: WhepClient;
  let states: string[];

  beforeEach(() => {
    states = [];
    client = new WhepClient(
      {
        endpoint: 'https://tv.example/whep/lobby',
        token: 'secret',
        signaling: 'ws',
        fetch: () => Promise.reject(new TypeError('no HTTP here')),
        PeerConnection: FakePeerConnection as unknown as typeof RTCPeerConnection,
        random: () => 1,
      },
      {
        status: ({ state, reason, detail }) => states.push([state, reason, detail].filter(Boolean).join(' ')),
        tracks: () => undefined,
        statistics: () => undefined,
      },
    );
    client.start();
  });

  afterEach(async () => {
    client.close();
    await pass(2000);
  });

  async function goLive(): Promise<FakePeerConnection> {
    await pass();
    if (FakeWebSocket.latest.sent.length === 0) {
      FakeWebSocket.latest.open();
    }
    accept();
    await pass();
    const peer = FakePeerConnection.latest;
    peer.become('connected');
    peer.bytes = { audio: 100, video: 1000 };
    await pass(1000);
    expect(states.at(-1)).toBe('live');
    return peer;
  }

  test('plays, trickles, restarts ICE, and says goodbye', async () => {
    await pass();
    FakeWebSocket.latest.open();
    const server = FakeWebSocket.latest;
    expect(server.url).toBe('wss://tv.example/signal');
    expect(server.last('play')).toMatchObject({ stream: 'lobby', token: 'secret' });
    expect(server.last('play')?.['sdp']).toContain('stereo=1');
    accept([{ urls: 'stun:stun.example' }]);
    await pass();
    const peer = FakePeerConnection.latest;
    expect(peer.configuration.iceServers).toEqual([{ urls: 'stun:stun.example' }]);
    const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 5000 typ host', sdpMid: '0' };
    peer.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }));
    peer.iceGatheringState = 'complete';
    await pass(100);
    expect(server.sent.slice(1)).toEqual([
      { type: 'candidate', id: id(), ...candidate },
      { type: 'candidate', id: id(), candidate: '' },
    ]);
    peer.become('connected');
    peer.bytes = { audio: 100, video: 1000 };
    await pass(1000);

    peer.become('disconnected');
    client.wake();
    await pass();
    expect(server.last('restart')?.['fragment']).toContain('a=ice-ufrag:next\r\n');
    restarted();
    await pass();
    expect(peer.setRemoteDescription.mock.lastCall?.[0].sdp).toContain('a=ice-ufrag:new\r\n');
    peer.become('connected');

    client.close();
    await pass();
    expect(server.last('bye')).toEqual({ type: 'bye', id: id() });
    expect(peer.close, 'before the server knows').not.toHaveBeenCalled();
    server.say({ type: 'bye', id: id() });
    await pass();
    expect(peer.close).toHaveBeenCalledOnce();
    expect(server.closed).toBe(1000);
    expect(states).toEqual(['connecting', 'live', 'idle']);
  });

  test('gets a new session when the server ends the first', async () => {
    await goLive();
    FakeWebSocket.latest.say({ type: 'bye', id: id(), reason: 'closed' });
    await pass();
    expect(states.at(-1)).toBe('reconnecting gone');
    await pass(500);
    await goLive();
    expect(FakePeerConnection.all).toHaveLength(2);
  });

  test('keeps its session while the socket breaks, also for an ICE restart', async () => {
    const peer = await goLive();
    const session = id();
    FakeWebSocket.latest.break();
    peer.become('disconnected');
    client.wake();
    await pass(500);
    FakeWebSocket.latest.open('w2');
    FakeWebSocket.latest.say({ type: 'hello', resume: 'w3', within: 15, sessions: [session] });
    const restart = FakeWebSocket.latest.last('restart');
    expect(restart?.id).toBe(session);
    FakeWebSocket.latest.say({ ...restart, fragment: 'a=ice-ufrag:new\r\na=ice-pwd:newer\r\n' });
    peer.become('connected');
    peer.bytes = { audio: 200, video: 2000 };
    await pass(1000);
    expect(states).toEqual(['connecting', 'live']);
    expect(FakePeerConnection.all).toHaveLength(1);
  });

  test('comes back when the server was restarted', async () => {
    await goLive();
    FakeWebSocket.latest.break();
    await pass(500);
    FakeWebSocket.latest.open('w2');
    FakeWebSocket.latest.say({ type: 'error', about: 'hello', problem: { status: 410 } });
    await pass(500);
    await goLive();
    expect(states).toEqual(['connecting', 'live', 'reconnecting gone', 'live']);
  });

  test('asks whether its session is still there', async () => {
    await goLive();
    await pass(2000);
    expect(FakeWebSocket.latest.last('bye')?.id).not.toBe(id());
    FakeWebSocket.latest.say({ type: 'error', id: FakeWebSocket.latest.last('bye')?.id, problem: { status: 404 } });
    await pass();
    expect(states.at(-1)).toBe('waiting offline');
  });

  test.each([
    [401, 'failed unauthorized no'],
    [409, 'waiting offline no'],
    [422, 'failed codec no'],
    [503, 'reconnecting server no'],
  ])('is refused with %d as by HTTP: %s', async (status, state) => {
    await pass();
    FakeWebSocket.latest.open();
    refuse(status);
    await pass();
    expect(states.at(-1)).toBe(state);
  });

  test('that gets an offer for its own can not play', async () => {
    await pass();
    FakeWebSocket.latest.open();
    FakeWebSocket.latest.say({ type: 'offer', id: id(), sdp: answer });
    await pass();
    expect(states.at(-1)).toBe('failed codec HTTP 406');
    expect(FakeWebSocket.latest.types()).toEqual(['play', 'bye']);
  });

  test('waits as long as the server asks', async () => {
    await pass();
    FakeWebSocket.latest.open();
    refuse(503, 20);
    await pass(100);
    FakeWebSocket.latest.say({ type: 'error', id: id(), about: 'bye', problem: { status: 404 } });
    await pass(19_800);
    expect(FakeWebSocket.all).toHaveLength(1);
    await pass(200);
    expect(FakeWebSocket.all).toHaveLength(2);
  });

  test('tells of a server that can not be reached', async () => {
    await pass();
    for (let i = 0; i < 4; i++) {
      FakeWebSocket.latest.break();
      await pass(15_000);
    }
    expect(states).toEqual(['connecting', 'reconnecting unreachable', 'failed unreachable']);
  });

  test('that is closed while it connects leaves no session', async () => {
    await pass();
    FakeWebSocket.latest.open();
    client.close();
    accept();
    await pass();
    expect(FakeWebSocket.latest.types()).toEqual(['play', 'bye']);
  });
});

describe('a broadcaster', () => {
  const track = (kind: string) => ({ kind }) as MediaStreamTrack;
  const tracks: Tracks = { audio: track('audio'), video: null };
  const encoding: Encoding = {
    codec: 'auto',
    maxBitrate: 2_500_000,
    maxFramerate: 30,
    audio: { stereo: false, maxBitrate: 48_000 },
  };
  const takenOver = vi.fn(async () => true);
  let client: WhipClient;
  let peers: FakePeer[];
  let server: FakeServer;

  beforeEach(() => {
    peers = [];
    server = new FakeServer();
    client = new WhipClient({
      endpoint: 'http://tv.example/whip/lobby',
      token: 'secret',
      signaling: 'ws',
      fetch: server.fetch,
      createPeer: (configuration) => {
        const peer = new FakePeer(configuration);
        peers.push(peer);
        return peer as unknown as RTCPeerConnection;
      },
      random: () => 1,
      takenOver,
    });
    client.start(tracks, encoding);
  });

  async function goLive(): Promise<void> {
    await pass();
    if (FakeWebSocket.latest.sent.length === 0) {
      FakeWebSocket.latest.open();
    }
    accept();
    await pass();
    expect(client.state).toBe('live');
  }

  test('publishes, restarts ICE, and says goodbye', async () => {
    await goLive();
    expect(FakeWebSocket.latest.url).toBe('ws://tv.example/signal');
    expect(FakeWebSocket.latest.last('publish')).toMatchObject({ stream: 'lobby', token: 'secret' });
    peers[0]?.become('disconnected');
    await pass(2000);
    expect(FakeWebSocket.latest.last('restart')?.['fragment']).toContain('a=ice-ufrag:next');
    restarted();
    await pass();
    expect(client.state).toBe('live');
    expect(peers[0]?.remote).toContain('a=ice-ufrag:new');
    const stopped = client.stop();
    await pass();
    expect(FakeWebSocket.latest.types()).toEqual(['publish', 'restart', 'bye']);
    FakeWebSocket.latest.say({ type: 'bye', id: id() });
    await stopped;
    expect(peers[0]?.connectionState).toBe('closed');
    expect(server.count('POST')).toBe(0);
  });

  test('gives way when the server says that another has taken over', async () => {
    await goLive();
    FakeWebSocket.latest.say({ type: 'bye', id: id(), code: 'replaced', reason: 'another publisher took over' });
    await pass(2000);
    expect([client.state, client.error?.kind]).toEqual(['failed', 'closed']);
    expect(takenOver).toHaveBeenCalledOnce();
    expect(FakeWebSocket.latest.types(), 'of a session that has ended').not.toContain('bye');
  });

  test('is refused as by HTTP', async () => {
    await pass();
    FakeWebSocket.latest.open();
    refuse(401);
    await pass(2000);
    expect(client.state).toBe('failed');
    expect(client.error).toMatchObject({ kind: 'http', status: 401, detail: 'no' });
  });

  test('that stops while it connects leaves no session', async () => {
    await pass();
    FakeWebSocket.latest.open();
    void client.stop();
    await pass(2000);
    expect(FakeWebSocket.latest.types()).toEqual(['publish', 'bye']);
    expect(client.state).toBe('idle');
  });
});
