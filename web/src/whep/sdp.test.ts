import { describe, expect, test } from 'vitest';
import { iceFragment, mediaPort, wantStereo, withFragment } from './sdp.ts';

const lines = (...all: string[]) => all.map((line) => `${line}\r\n`).join('');

describe('wantStereo', () => {
  test.each([
    [
      'adds to the parameters of Opus',
      lines('m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1'),
      'a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n',
    ],
    [
      'makes parameters where there are none, right behind the rtpmap',
      lines('a=rtpmap:96 opus/48000/2', 'a=rtcp-fb:96 nack'),
      'a=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1\r\na=rtcp-fb:96 nack\r\n',
    ],
    ['does not mind case', lines('a=rtpmap:109 OPUS/48000/2', 'a=fmtp:109 maxplaybackrate=48000'), ';stereo=1\r\n'],
    [
      'serves every payload type',
      lines('a=rtpmap:111 opus/48000/2', 'a=fmtp:111 a=1', 'a=rtpmap:63 opus/48000/2', 'a=fmtp:63 b=2'),
      'a=fmtp:111 a=1;stereo=1\r\na=rtpmap:63 opus/48000/2\r\na=fmtp:63 b=2;stereo=1\r\n',
    ],
  ])('%s', (_, sdp, expected) => expect(wantStereo(sdp)).toContain(expected));

  test.each([
    ['a wish for stereo', lines('a=rtpmap:111 opus/48000/2', 'a=fmtp:111 stereo=1;minptime=10')],
    ['a wish for mono', lines('a=rtpmap:111 opus/48000/2', 'a=fmtp:111 stereo=0')],
    ['other codecs', lines('a=rtpmap:0 PCMU/8000', 'a=rtpmap:96 VP8/90000', 'a=fmtp:96 max-fr=30')],
    ['redundant audio, whose fmtp names Opus', lines('a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111')],
  ])('leaves %s alone', (_, sdp) => expect(wantStereo(sdp)).toBe(sdp));

  test('is not deceived by sprop-stereo', () => {
    const sdp = lines('a=rtpmap:111 opus/48000/2', 'a=fmtp:111 sprop-stereo=1');
    expect(wantStereo(sdp)).toContain('sprop-stereo=1;stereo=1');
  });
});

test.each([
  ['a=candidate:1 1 udp 2130706431 203.0.113.7 8443 typ host\r\n', 8443],
  [
    'a=candidate:1 1 tcp 1 203.0.113.7 443 typ host tcptype passive\r\na=candidate:2 1 UDP 1 2001:db8::1 9000 typ host\r\n',
    9000,
  ],
  ['a=candidate:1 1 tcp 1 203.0.113.7 443 typ host tcptype passive\r\n', undefined],
  ['', undefined],
])('mediaPort %#', (sdp, port) => expect(mediaPort(sdp)).toBe(port));

test('withFragment changes nothing but ICE', () => {
  const answer = lines(
    'v=0',
    'm=audio 9 X 0',
    'a=ice-ufrag:a',
    'a=ice-pwd:b',
    'a=mid:0',
    'a=candidate:1',
    'a=end-of-candidates',
    'm=video 9 X 1',
    'a=ice-ufrag:a',
    'a=ice-pwd:b',
  );
  const fragment = 'a=ice-lite\na=ice-ufrag:$&c\na=ice-pwd:d\na=candidate:2\na=candidate:3\na=end-of-candidates\n';
  expect(withFragment(answer, fragment)).toBe(
    lines(
      'v=0',
      'm=audio 9 X 0',
      'a=ice-ufrag:$&c',
      'a=ice-pwd:d',
      'a=candidate:2',
      'a=candidate:3',
      'a=end-of-candidates',
      'a=mid:0',
      'm=video 9 X 1',
      'a=ice-ufrag:$&c',
      'a=ice-pwd:d',
    ),
  );
  expect(withFragment(answer, 'a=ice-ufrag:c\r\n')).toBeUndefined();
  expect(withFragment(answer, '')).toBeUndefined();
});

describe('iceFragment', () => {
  const sdp = lines(
    'v=0',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=ice-ufrag:abcd',
    'a=ice-pwd:secretsecretsecretsecret',
    'a=mid:0',
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'a=ice-ufrag:abcd',
    'a=mid:1',
  );
  const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 5000 typ host', sdpMid: '0' };

  test('has credentials, one media section and candidates, all ended by CRLF', () => {
    expect(iceFragment(sdp, [candidate], false)).toBe(
      lines(
        'a=ice-ufrag:abcd',
        'a=ice-pwd:secretsecretsecretsecret',
        'm=audio 9 UDP/TLS/RTP/SAVPF 0',
        'a=mid:0',
        `a=${candidate.candidate}`,
      ),
    );
  });

  test('says when there are no more', () => {
    expect(iceFragment(sdp, [], true)).toMatch(/a=mid:0\r\na=end-of-candidates\r\n$/);
  });
});
