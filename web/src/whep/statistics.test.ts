import { describe, expect, test } from 'vitest';
import { measure } from './statistics.ts';

type Entry = RTCStats & Record<string, unknown>;

function report(...entries: Partial<Entry>[]): RTCStatsReport {
  return new Map(entries.map((entry, i) => [entry.id ?? String(i), entry])) as unknown as RTCStatsReport;
}

const inbound = (kind: string, timestamp: number, values: Record<string, unknown>) => ({
  type: 'inbound-rtp' as const,
  kind,
  timestamp,
  ...values,
});

const first = report(
  inbound('video', 1000, {
    bytesReceived: 100_000,
    packetsReceived: 100,
    packetsLost: 2,
    framesDecoded: 30,
    jitterBufferDelay: 1,
    jitterBufferEmittedCount: 30,
  }),
  inbound('audio', 1000, {
    bytesReceived: 10_000,
    packetsReceived: 50,
    packetsLost: 0,
    jitterBufferDelay: 960,
    jitterBufferEmittedCount: 48_000,
  }),
);

const second = report(
  inbound('video', 2000, {
    codecId: 'V',
    bytesReceived: 350_000,
    packetsReceived: 190,
    packetsLost: 12,
    framesDecoded: 55,
    framesDropped: 3,
    keyFramesDecoded: 2,
    frameWidth: 1280,
    frameHeight: 720,
    jitter: 0.004,
    jitterBufferDelay: 2,
    jitterBufferEmittedCount: 55,
  }),
  inbound('audio', 2000, {
    codecId: 'A',
    bytesReceived: 20_000,
    packetsReceived: 100,
    packetsLost: 0,
    jitter: 0.009,
    jitterBufferDelay: 1920,
    jitterBufferEmittedCount: 96_000,
  }),
  { id: 'V', type: 'codec', mimeType: 'video/H264' },
  { id: 'A', type: 'codec', mimeType: 'audio/opus' },
  { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.025 },
  { type: 'candidate-pair', nominated: false, state: 'succeeded', currentRoundTripTime: 0.9 },
);

describe('measure', () => {
  test('computes rates between two samples', () => {
    const { statistics } = measure(second, measure(first).sample);
    expect(statistics).toEqual({
      codec: 'H264',
      audioCodec: 'opus',
      width: 1280,
      height: 720,
      framesPerSecond: 25,
      bitrate: 2_080_000,
      packetsLost: 12,
      lossRatio: 10 / 150,
      jitter: 9,
      jitterBufferMs: 40,
      roundTripTimeMs: 25,
      framesDropped: 3,
      keyFramesDecoded: 2,
    });
  });

  test('says nothing of rates at the first sample', () => {
    const { statistics } = measure(first);
    expect(statistics).toMatchObject({
      bitrate: 0,
      framesPerSecond: undefined,
      lossRatio: 0,
      jitterBufferMs: undefined,
    });
  });

  test('takes packets that arrive after all for no loss', () => {
    const before = measure(report(inbound('video', 1000, { packetsReceived: 10, packetsLost: 5 }))).sample;
    const { statistics } = measure(report(inbound('video', 2000, { packetsReceived: 25, packetsLost: -2 })), before);
    expect(statistics.lossRatio).toBe(0);
    expect(statistics.packetsLost).toBe(0);
  });

  test('survives counters that begin anew and reports without media', () => {
    const { statistics } = measure(report(inbound('video', 2000, { bytesReceived: 10 })), measure(first).sample);
    expect(statistics.bitrate).toBe(0);
    expect(measure(report()).statistics).toMatchObject({ bitrate: 0, codec: undefined, roundTripTimeMs: undefined });
  });
});
