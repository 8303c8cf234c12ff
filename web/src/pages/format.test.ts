import { afterEach, describe, expect, test } from 'vitest';
import { setLanguage } from '../i18n/index.ts';
import { firesFor } from './beacons.ts';
import { bitrate, duration, viewers } from './format.ts';

afterEach(() => setLanguage('en'));

test.each([
  [0, '0:00'],
  [999, '0:00'],
  [61_000, '1:01'],
  [3_599_999, '59:59'],
  [3_600_000, '1:00:00'],
  [360_000_000, '100:00:00'],
  [-5000, '0:00'],
])('duration of %d ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [0, '0 kbit/s'],
  [127_600, '128 kbit/s'],
  [999_400, '999 kbit/s'],
  [2_450_000, '2.5 Mbit/s'],
])('%d bit/s is %s', (bits, text) => {
  expect(bitrate(bits)).toBe(text);
});

describe('viewers', () => {
  test('are counted in the reader’s language', () => {
    setLanguage('en');
    expect([0, 1, 2, 1234].map(viewers)).toEqual(['0 viewers', '1 viewer', '2 viewers', '1,234 viewers']);
    setLanguage('ko');
    expect([1, 1234].map(viewers)).toEqual(['시청자 1명', '시청자 1,234명']);
  });

  test.each([
    [0, 1],
    [1, 2],
    [9, 2],
    [10, 3],
    [999, 4],
    [1000, 5],
    [1_000_000, 5],
  ])('%d of them light %d fires', (count, fires) => {
    expect(firesFor(count)).toBe(fires);
  });
});
