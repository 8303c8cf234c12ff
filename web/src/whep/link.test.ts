import { describe, expect, test } from 'vitest';
import { iceServers, parseLinks } from './link.ts';

describe('iceServers', () => {
  test.each<[string, string | null, RTCIceServer[]]>([
    ['no header', null, []],
    ['STUN', '<stun:stun.example.net>; rel="ice-server"', [{ urls: 'stun:stun.example.net' }]],
    ['an unquoted relation', '<stun:stun.example.net:3478>;rel=ice-server', [{ urls: 'stun:stun.example.net:3478' }]],
    [
      'TURN with credentials, in any order and case',
      '<turn:turn.example.net?transport=udp>; credential="p,a;s\\"s"; Username=user; rel="other ice-server"; credential-type="password"',
      [{ urls: 'turn:turn.example.net?transport=udp', username: 'user', credential: 'p,a;s"s' }],
    ],
    [
      'several links that fetch has joined',
      '<stun:a.example>; rel="ice-server", <https://x.example/a,b>; rel="urn:ietf:params:whep:ext:core:layer", <turns:b.example>; rel="ice-server"; username="u"; credential="c"',
      [{ urls: 'stun:a.example' }, { urls: 'turns:b.example', username: 'u', credential: 'c' }],
    ],
    ['TURN without credentials, which a browser would refuse', '<turn:t.example>; rel="ice-server"', []],
    ['another scheme', '<https://t.example>; rel="ice-server"', []],
    ['a relation that only resembles', '<stun:t.example>; rel="ice-servers"', []],
    ['noise', 'stun:t.example; rel=ice-server, <', []],
  ])('%s', (_, header, expected) => expect(iceServers(header)).toEqual(expected));
});

test('the first of two parameters of one name counts (RFC 8288 section 3.3)', () => {
  expect(parseLinks('</a>; rel=x; rel=y')[0]?.parameters.get('rel')).toBe('x');
});
