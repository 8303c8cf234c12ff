import { expect, test } from 'vitest';
import { playerOptions } from './embed.ts';
import { signalingOption } from './signaling.ts';

test.each([
  ['', { muted: false, autoplay: true, controls: true }],
  ['?muted', { muted: true, autoplay: true, controls: true }],
  ['?muted=1&autoplay=0&controls=0', { muted: true, autoplay: false, controls: false }],
  ['?muted=false&controls=No', { muted: false, autoplay: true, controls: false }],
])('the options of "%s"', (query, options) => {
  expect(playerOptions(query)).toEqual(options);
});

test('pages go by HTTP unless their address says otherwise', () => {
  expect(['', '?muted', '?signaling=http', '?signaling=ws&muted'].map(signalingOption)).toEqual([
    'http',
    'http',
    'http',
    'ws',
  ]);
});
