import { expect, test } from 'vitest';
import { OutboundStatistics } from './statistics.ts';

const report = (timestamp: number, bytesSent: number, more: Record<string, object> = {}): [string, unknown][] =>
  Object.entries({
    v: { type: 'outbound-rtp', kind: 'video', timestamp, bytesSent, codecId: 'c', frameWidth: 1280, frameHeight: 720 },
    a: { type: 'outbound-rtp', kind: 'audio', timestamp, bytesSent: 0 },
    c: { type: 'codec', mimeType: 'video/H264', timestamp },
    ...more,
  }).map(([id, entry]) => [id, { id, ...entry }]);

test('rates need two looks', () => {
  const statistics = new OutboundStatistics();
  expect(statistics.read(report(1000, 0))).toBeUndefined();
  expect(statistics.read(report(2000, 250_000))).toMatchObject({ bitrate: 2_000_000, width: 1280, videoCodec: 'H264' });
  expect(statistics.read(report(2500, 250_000))?.bitrate).toBe(0);
});

test('the same look twice, or counters that begin anew, give no nonsense', () => {
  const statistics = new OutboundStatistics();
  statistics.read(report(1000, 5000));
  expect(statistics.read(report(1000, 5000))?.bitrate).toBe(0);
  expect(statistics.read(report(2000, 0))?.bitrate).toBe(0);
});

test('loss and round trip are the worst that the server reports; else the round trip of the path', () => {
  const statistics = new OutboundStatistics();
  statistics.read([]);
  statistics.read(report(1000, 0));
  const path = { p: { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.08 } };
  expect(statistics.read(report(2000, 0, path))).toMatchObject({ roundTrip: 0.08, loss: undefined });
  const remote = {
    r1: { type: 'remote-inbound-rtp', kind: 'video', roundTripTime: 0.02, fractionLost: 0.1 },
    r2: { type: 'remote-inbound-rtp', kind: 'audio', roundTripTime: 0.03, fractionLost: 0 },
  };
  expect(statistics.read(report(3000, 0, { ...path, ...remote }))).toMatchObject({ roundTrip: 0.03, loss: 0.1 });
});
