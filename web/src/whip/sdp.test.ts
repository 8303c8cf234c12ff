import { expect, test } from 'vitest';
import { SignalingError } from '../signal/signaling.ts';
import { codecPreferences } from './codecs.ts';
import { toWhipError, WhipError } from './error.ts';
import { announceStereo, tuneAnswer } from './sdp.ts';

const sdp = [
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 0',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:0 PCMU/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 102',
  'a=rtpmap:96 VP8/90000',
  'a=rtpmap:97 rtx/90000',
  'a=fmtp:97 apt=96',
  'a=rtpmap:102 H264/90000',
  'a=fmtp:102 profile-level-id=42e01f',
  '',
].join('\r\n');

test('stereo is announced for Opus alone', () => {
  expect(announceStereo(sdp)).toBe(sdp.replace('useinbandfec=1', 'useinbandfec=1;stereo=1;sprop-stereo=1'));
});

test('the answer says how to encode, and each parameter once', () => {
  const tuned = tuneAnswer(sdp.replace('minptime=10', 'stereo=0'), { stereo: true, maxBitrate: 128_000 }, 2_500_000);
  expect(tuned).toContain('a=fmtp:111 useinbandfec=1;maxaveragebitrate=128000;stereo=1\r\n');
  expect(tuned).toContain('a=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=1500\r\n');
  expect(tuned).toContain('a=fmtp:102 profile-level-id=42e01f;x-google-start-bitrate=1500\r\n');
  expect(tuned).toContain('a=fmtp:97 apt=96\r\n');
  expect(tuned).not.toContain('a=fmtp:0');
});

test('the start bitrate is never above the limit', () => {
  expect(tuneAnswer(sdp, { stereo: false, maxBitrate: 48_000 }, 400_000)).toContain('x-google-start-bitrate=400\r\n');
});

test('odd descriptions come back as they are', () => {
  for (const odd of ['', 'v=0\r\n', 'm=audio', 'm=video 9 RTP/AVP 31\r\n']) {
    expect(tuneAnswer(announceStereo(odd), { stereo: true, maxBitrate: 1 }, 1)).toBe(odd);
  }
});

const codec = (mimeType: string, sdpFmtpLine?: string): RTCRtpCodec => ({
  mimeType,
  clockRate: 90_000,
  ...(sdpFmtpLine !== undefined && { sdpFmtpLine }),
});
const [vp8, rtx, av1] = [codec('video/VP8'), codec('video/rtx'), codec('video/AV1')];
const high = codec('video/H264', 'packetization-mode=1;profile-level-id=64001f');
const mode0 = codec('video/H264', 'packetization-mode=0;profile-level-id=42e01f');
const base = codec('video/H264', 'packetization-mode=1;profile-level-id=42e01f');

test('H.264 goes first, its most widely played form before the others', () => {
  expect(codecPreferences('auto', [vp8, rtx, mode0, high, base, av1])).toEqual([base, high, mode0, vp8, av1, rtx]);
});

test('a chosen codec is offered alone, with retransmission', () => {
  expect(codecPreferences('VP8', [vp8, rtx, base])).toEqual([vp8, rtx]);
});

test('a codec that the browser does not have leaves its own order', () => {
  expect(codecPreferences('H265', [vp8, rtx])).toEqual([]);
});

test.each([
  [new WhipError('http', '', 401), false],
  [new WhipError('http', '', 409), true],
  [new WhipError('http', '', 429), true],
  [new WhipError('http', '', 502), true],
  [new WhipError('answer'), false],
  [new WhipError('lost'), true],
])('%s: worth another try? %s', (error, transient) => {
  expect(error.transient).toBe(transient);
});

test('whatever was thrown becomes a WhipError', () => {
  const known = new WhipError('lost');
  expect(toWhipError(known)).toBe(known);
  expect(toWhipError(new SignalingError('timeout')).kind).toBe('timeout');
  expect(toWhipError(new SignalingError('network')).kind).toBe('network');
  const refused = new SignalingError('refused', 'full', 503, 99_999_000);
  expect(toWhipError(refused)).toMatchObject({ kind: 'http', status: 503, detail: 'full', retryAfter: 300 });
  expect(toWhipError(new DOMException('bad SDP', 'OperationError'))).toMatchObject({
    kind: 'media',
    detail: 'bad SDP',
  });
});
