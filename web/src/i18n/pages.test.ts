import { describe, expect, test } from 'vitest';
import { pageWords } from './pages.ts';
import { publishWords } from './publish.ts';

const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe.each([
  ['pages', pageWords.words],
  ['publish', publishWords.words],
])('the words of %s', (_, { en, ko }: { en: Record<string, string>; ko: Record<string, string> }) => {
  test('have the same keys in both languages', () => {
    expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
  });

  test.each(Object.keys(en))('%s says something, and names the same parameters', (key) => {
    expect(en[key]?.trim()).not.toBe('');
    expect(ko[key]?.trim()).not.toBe('');
    expect(placeholders(ko[key] ?? '')).toEqual(placeholders(en[key] ?? ''));
  });
});
