import { describe, expect, test } from 'vitest';
import { nameProblem, streamFromPath, streamPath } from './name.ts';

describe('nameProblem', () => {
  test.each(['lobby', 'a', '봉수-저녁_방송.1', 'नमस्ते', '١٢٣', 'x'.repeat(64), 'é', '...'])('takes %s', (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });

  test.each([
    ['', { key: 'name.empty' }],
    ['.', { key: 'name.dots' }],
    ['..', { key: 'name.dots' }],
    ['a b', { key: 'name.space' }],
    ['a/b', { key: 'name.character', character: '/' }],
    ['a🔥', { key: 'name.character', character: '🔥' }],
    ['Ⅷ', { key: 'name.character', character: 'Ⅷ' }],
    ['x'.repeat(65), { key: 'name.long', length: 65 }],
    ['\ufffd', { key: 'name.character', character: '\ufffd' }],
  ])('refuses %j', (name, problem) => {
    expect(nameProblem(name)).toEqual(problem);
  });

  test('counts characters, not UTF-16 units', () => {
    expect(nameProblem('𐐀'.repeat(64))).toBeUndefined();
    expect(nameProblem('𐐀'.repeat(65))).toEqual({ key: 'name.long', length: 65 });
  });
});

describe('the path of a stream', () => {
  test.each(['lobby', '봉수', 'a.b-c_d'])('goes there and back: %s', (name) => {
    expect(streamFromPath(streamPath('watch', name))).toBe(name);
    expect(streamFromPath(`${streamPath('publish', name)}/`)).toBe(name);
  });

  test('puts letters together that a system wrote in pieces', () => {
    expect(streamFromPath(streamPath('watch', '봉수-é'.normalize('NFD')))).toBe('봉수-é'.normalize('NFC'));
  });

  test('is no name where there is none, or no UTF-8', () => {
    expect(streamFromPath('/')).toBe('');
    expect(streamFromPath('/watch/')).toBe('');
    expect(streamFromPath('/watch/a/b')).toBe('');
    expect(streamFromPath('/watch/%ff')).toBeUndefined();
  });
});
