import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Announcer } from './announcer.ts';
import { Unread } from './unread.ts';

let said: string[];
let announcer: Announcer;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  announcer = new Announcer(({ lines, more }) => said.push(...lines, ...(more ? [`+${more}`] : [])));
});

afterEach(() => vi.useRealTimers());

test('a quiet room is read, a busy one summed up', () => {
  announcer.add('a', false);
  announcer.add('b', false);
  announcer.add('c', false);
  announcer.add('d', false);
  expect(said).toEqual(['a', 'b']);
  vi.advanceTimersByTime(5_000);
  expect(said).toEqual(['a', 'b', '+2']);
  announcer.add('e', false); // still busy
  vi.advanceTimersByTime(5_000);
  expect(said.slice(3)).toEqual(['+1']);
  vi.advanceTimersByTime(5_000);
  announcer.add('f', false); // quiet again
  expect(said.slice(4)).toEqual(['f']);
});

test('what calls the reader is read in any case', () => {
  for (const line of ['a', 'b', 'c']) {
    announcer.add(line, false);
  }
  announcer.add('to you', true);
  expect(said).toEqual(['a', 'b', 'to you']);
});

test('nothing is said after the end', () => {
  ['a', 'b', 'c'].forEach((line) => void announcer.add(line, false));
  announcer.stop();
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual(['a', 'b']);
});

test('unread counts what came while nobody looked, and marks where it begins', () => {
  const unread = new Unread();
  unread.add('1');
  expect(unread).toMatchObject({ count: 0, marker: '' });
  unread.look(false);
  unread.add('2');
  unread.add('3');
  expect(unread).toMatchObject({ count: 2, marker: '2' });
  unread.look(true);
  expect(unread).toMatchObject({ count: 0, marker: '2' }); // still to be seen
  unread.look(false);
  unread.add('4');
  expect(unread).toMatchObject({ count: 1, marker: '4' });
});
