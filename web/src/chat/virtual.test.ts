import { expect, test } from 'vitest';
import { anchorAt, anchored, Heights } from './virtual.ts';

const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ key: `k${from + index}` }));

test('rows stand below each other, by their estimate until they are measured', () => {
  const heights = new Heights(10);
  heights.set(rows(0, 4));
  expect(heights.total).toBe(40);
  expect(
    heights.measure([
      ['k1', 25],
      ['k2', 0],
    ]),
  ).toBe(true);
  expect(heights.measure([['k1', 25]])).toBe(false);
  expect([0, 1, 2, 3, 4, 9].map((index) => heights.top(index))).toEqual([0, 10, 35, 45, 55, 55]);
  heights.set(rows(1, 4));
  expect(heights.total).toBe(45); // k1 is still as high
});

test.each([
  [-5, 0],
  [0, 0],
  [9.9, 0],
  [10, 1],
  [34, 1],
  [35, 2],
  [1e6, 3],
])('at %f is row %i', (y, expected) => {
  const heights = new Heights(10);
  heights.set(rows(0, 4));
  heights.measure([['k1', 25]]);
  expect(heights.at(y)).toBe(expected);
});

test('the window has what is seen and a margin', () => {
  const heights = new Heights(10);
  expect(heights.window(0, 100, 50)).toEqual([0, 0]);
  heights.set(rows(0, 10_000));
  expect(heights.window(5_000, 100, 50)).toEqual([495, 516]);
  expect(heights.window(0, 100, 50)).toEqual([0, 16]);
  expect(heights.window(99_900, 100, 50)).toEqual([9_985, 10_000]);
});

test('what is read stays in its place when rows above it come, go and grow', () => {
  const heights = new Heights(10);
  heights.set(rows(0, 100));
  const anchor = anchorAt(heights, 505);
  expect(anchor).toEqual({ key: 'k50', offset: 5 });
  if (!anchor) {
    return;
  }
  heights.measure([['k3', 40]]);
  expect(anchored(heights, anchor)).toBe(535);
  heights.set(rows(20, 120));
  expect(anchored(heights, anchor)).toBe(305);
  heights.set(rows(60, 120));
  expect(anchored(heights, anchor)).toBeUndefined();
});

test('an empty list has no anchor', () => {
  expect(anchorAt(new Heights(), 0)).toBeUndefined();
});
