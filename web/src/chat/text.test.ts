import { describe, expect, test } from 'vitest';
import { colorOf, completionAt, completions, length, segments } from './text.ts';

const links = (text: string) => segments(text).flatMap((one) => (one.kind === 'link' ? [[one.text, one.href]] : []));

describe('links', () => {
  test.each([
    ['see https://a.example/b?c=d#e.', ['https://a.example/b?c=d#e']],
    ['(https://a.example/x_(y))', ['https://a.example/x_(y)']],
    ['HTTP://A.example', ['HTTP://A.example']],
    ['https://a.example, http://b.example!', ['https://a.example', 'http://b.example']],
    ['https://ko.wikipedia.org/wiki/봉수', ['https://ko.wikipedia.org/wiki/봉수']],
    ['“https://a.example”', ['https://a.example']],
    ['<https://a.example>', ['https://a.example']],
    ['javascript:alert(1) data:text/html,x ftp://a.example', []],
    ['https://bank.example@mallory.example', []],
    ['https://', []],
    ['https://...', []],
    ['xhttps://a.example', []],
    ['http:// a', []],
  ])('%s', (text, expected) => {
    expect(links(text).map(([shown]) => shown)).toEqual(expected);
  });

  test('lead where they say', () => {
    expect(links('https://аpple.example/')).toEqual([['https://аpple.example/', 'https://xn--pple-43d.example/']]);
  });

  test.each(['plain', '', 'a @ b', '<b>https://a.example</b> @Ada & "x"'])('nothing of %j is lost', (text) => {
    expect(
      segments(text, ['Ada'])
        .map((one) => one.text)
        .join(''),
    ).toBe(text);
  });
});

describe('mentions', () => {
  const found = (text: string, me?: string) =>
    segments(text, ['Ada', 'Ada Lovelace', '은하', '은하수', 'a.b'], me).flatMap((one) =>
      one.kind === 'mention' ? [one.me ? `${one.text}!` : one.text] : [],
    );

  test.each([
    ['@Ada hello', ['@Ada']],
    ['hello @ada!', ['@ada']],
    ['@Ada Lovelace', ['@Ada Lovelace']],
    ['@Adam', []],
    ['me@Ada', []],
    ['@은하는 어디', ['@은하']],
    ['@은하수가', ['@은하수']],
    ['@Ada님', ['@Ada']],
    ['@a.b.', ['@a.b']],
    ['@nobody', []],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  test('of me', () => {
    expect(found('@Ada @은하', '은하')).toEqual(['@Ada', '@은하!']);
  });
});

test.each([
  ['hi @A', 5, { from: 3, begin: 'A' }],
  ['@', 1, { from: 0, begin: '' }],
  ['@Ada Lo', 7, { from: 0, begin: 'Ada Lo' }],
  ['a@b', 3, undefined],
  ['@ a', 3, undefined],
  ['no', 2, undefined],
  ['@Ada', 0, undefined],
  ['@a\nb', 4, undefined],
])('completion in %j at %i', (text, caret, expected) => {
  expect(completionAt(text, caret)).toEqual(expected);
});

test('names are completed from their beginning, then from that of a word', () => {
  const names = ['Grace Ada', 'adam', 'Ada', '은하', 'Bob'];
  expect(completions('ad', names)).toEqual(['Ada', 'adam', 'Grace Ada']);
  expect(completions('은', names)).toEqual(['은하']);
  expect(completions('', names, 2)).toHaveLength(2);
});

test('length is in characters, composed', () => {
  expect(length(' 한글 ')).toBe(2);
  expect(length('👍🏽')).toBe(2);
});

test('a color is always the same', () => {
  expect(colorOf('abc', 8)).toBe(colorOf('abc', 8));
  expect(new Set([...'abcdefghijklmnop'].map((id) => colorOf(id, 8))).size).toBe(8);
});
