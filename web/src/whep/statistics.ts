/** What arrived, computed from two samples of RTCPeerConnection.getStats() (W3C WebRTC Statistics). */
import type { WhepStatistics } from '../api.ts';

/** The counters of one kind at one moment. */
interface Counters {
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
  readonly frames: number;
  /** Seconds that all media so far waited in the jitter buffer, and how many frames or samples that was. */
  readonly bufferDelay: number;
  readonly buffered: number;
}

/** The counters of all kinds at one moment. */
export interface Sample {
  /** Milliseconds. */
  readonly at: number;
  readonly audio: Counters;
  readonly video: Counters;
}

const nothing: Counters = { bytes: 0, packets: 0, lost: 0, frames: 0, bufferDelay: 0, buffered: 0 };

/** Measures a report against the sample before. */
export function measure(report: RTCStatsReport, before?: Sample): { statistics: WhepStatistics; sample: Sample } {
  const inbound: RTCInboundRtpStreamStats[] = [];
  let at = 0;
  report.forEach((entry: RTCStats) => {
    if (entry.type === 'inbound-rtp') {
      inbound.push(entry as RTCInboundRtpStreamStats);
      at = Math.max(at, entry.timestamp);
    }
  });
  const audio = inbound.find(({ kind }) => kind === 'audio');
  const video = inbound.find(({ kind }) => kind === 'video');
  const sample: Sample = { at, audio: counters(audio), video: counters(video) };
  return { statistics: { ...rates(sample, before), ...readings(report, audio, video) }, sample };
}

function counters(entry: RTCInboundRtpStreamStats | undefined): Counters {
  return entry === undefined
    ? nothing
    : {
        bytes: entry.bytesReceived ?? 0,
        packets: entry.packetsReceived ?? 0,
        lost: entry.packetsLost ?? 0,
        frames: entry.framesDecoded ?? 0,
        bufferDelay: entry.jitterBufferDelay ?? 0,
        buffered: entry.jitterBufferEmittedCount ?? 0,
      };
}

/** What the change between two samples says. */
function rates(now: Sample, before: Sample = now) {
  const seconds = (now.at - before.at) / 1000;
  const perSecond = (change: number) => (seconds > 0 ? Math.max(0, change / seconds) : 0);
  const lost = Math.max(0, now.audio.lost + now.video.lost - before.audio.lost - before.video.lost);
  const received = now.audio.packets + now.video.packets - before.audio.packets - before.video.packets;
  return {
    bitrate: Math.round(8 * perSecond(now.audio.bytes + now.video.bytes - before.audio.bytes - before.video.bytes)),
    framesPerSecond: seconds > 0 ? perSecond(now.video.frames - before.video.frames) : undefined,
    // Duplicates can make the count negative (RFC 3550 section 6.4.1).
    packetsLost: Math.max(0, now.audio.lost + now.video.lost),
    lossRatio: lost > 0 ? lost / (lost + Math.max(0, received)) : 0,
    jitterBufferMs: larger(waited(now.audio, before.audio), waited(now.video, before.video)),
  };
}

/** Mean time in the jitter buffer between two samples, milliseconds. */
function waited(now: Counters, before: Counters): number | undefined {
  const count = now.buffered - before.buffered;
  return count > 0 ? ((now.bufferDelay - before.bufferDelay) / count) * 1000 : undefined;
}

/** What the report says by itself. */
function readings(
  report: RTCStatsReport,
  audio: RTCInboundRtpStreamStats | undefined,
  video: RTCInboundRtpStreamStats | undefined,
) {
  const jitter = larger(audio?.jitter, video?.jitter);
  return {
    codec: codecName(report, video),
    audioCodec: codecName(report, audio),
    width: video?.frameWidth,
    height: video?.frameHeight,
    jitter: jitter === undefined ? undefined : jitter * 1000,
    roundTripTimeMs: roundTripTime(report),
    framesDropped: video?.framesDropped ?? 0,
    keyFramesDecoded: video?.keyFramesDecoded ?? 0,
  };
}

function codecName(report: RTCStatsReport, entry: RTCInboundRtpStreamStats | undefined): string | undefined {
  const codec = entry?.codecId ? (report.get(entry.codecId) as { mimeType?: string } | undefined) : undefined;
  return codec?.mimeType?.split('/')[1];
}

/** The round trip of the candidate pair in use, milliseconds. */
function roundTripTime(report: RTCStatsReport): number | undefined {
  let pair: RTCIceCandidatePairStats | undefined;
  report.forEach((entry: RTCStats) => {
    if (entry.type === 'candidate-pair') {
      const candidate = entry as RTCIceCandidatePairStats;
      pair = candidate.nominated && candidate.state === 'succeeded' ? candidate : pair;
    }
  });
  return pair?.currentRoundTripTime === undefined ? undefined : pair.currentRoundTripTime * 1000;
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
