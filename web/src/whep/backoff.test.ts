import { expect, test } from 'vitest';
import { parseRetryAfter, pauseAfter } from './backoff.ts';

test.each([
  [1, 0, 0, 250],
  [1, 0, 1, 500],
  [2, 0, 1, 1000],
  [4, 0, 0.5, 3000],
  [6, 0, 1, 15_000],
  [500, 0, 1, 15_000],
  [500, 0, 0, 7_500],
  [1, 4_000, 1, 4_000],
  [6, 4_000, 1, 15_000],
  [1, 86_400_000, 1, 300_000],
])('after %i failures, Retry-After %i ms, chance %f: %i ms', (failures, retryAfter, chance, expected) => {
  expect(pauseAfter(failures, retryAfter, () => chance)).toBe(expected);
});

test.each([
  [null, undefined],
  ['', undefined],
  ['soon', undefined],
  ['0', 0],
  [' 7 ', 7_000],
  ['Sun, 22 Nov 2026 10:00:05 GMT', 5_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
])('Retry-After %j', (header, expected) => {
  expect(parseRetryAfter(header, Date.parse('2026-11-22T10:00:00Z'))).toBe(expected);
});
