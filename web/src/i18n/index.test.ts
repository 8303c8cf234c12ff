import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type Dictionary,
  dictionary,
  language,
  languageChange,
  preferredLanguage,
  setLanguage,
  spoken,
} from './index.ts';

describe('preferredLanguage', () => {
  test.each([
    ['?lang=ko', 'en', ['en-US'], 'ko'],
    ['?lang=fr', 'ko', ['en-US'], 'ko'],
    ['', null, ['fr-FR', 'ko-KR', 'en'], 'ko'],
    ['', 'tlh', ['EN-gb'], 'en'],
    ['', null, ['fr', 'de'], 'en'],
    ['', null, [], 'en'],
  ])('%s, stored %s, browser %j: %s', (query, choice, browser, expected) => {
    expect(preferredLanguage(query, choice, browser)).toBe(expected);
  });

  test.each([[null], [undefined], [''], ['kok'], ['english']])('does not speak %j', (tag) => {
    expect(spoken(tag)).toBeUndefined();
  });
});

describe('setLanguage', () => {
  afterEach(() => setLanguage('en'));

  test('changes, remembers and tells', () => {
    const told = vi.fn();
    languageChange.addEventListener('change', told, { once: true });
    setLanguage('ko');
    expect(language()).toBe('ko');
    expect(localStorage.getItem('bongsu.lang')).toBe('ko');
    expect(told).toHaveBeenCalledOnce();
  });

  test('works where storage is forbidden', () => {
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    setLanguage('ko');
    expect(language()).toBe('ko');
  });
});

describe('dictionary', () => {
  const t = dictionary({ en: { hello: 'Hello {name}', plain: 'Plain' }, ko: { hello: '{name} 안녕', plain: '그냥' } });

  test('replaces parameters and leaves unknown ones', () => {
    expect(t('hello', { name: 'Kim' }, 'en')).toBe('Hello Kim');
    expect(t('hello', { name: 'Kim' }, 'ko')).toBe('Kim 안녕');
    expect(t('hello', {}, 'en')).toBe('Hello {name}');
  });
});

describe('every dictionary', async () => {
  const modules = import.meta.glob<Record<string, unknown>>(['./*.ts', '!./*.test.ts', '!./index.ts'], { eager: true });
  const found = Object.entries(modules).flatMap(([path, module]) =>
    Object.values(module)
      .filter((one): one is Dictionary<string> => typeof one === 'function' && 'words' in one)
      .map((one) => [path, one.words] as const),
  );

  test('is found', () => expect(found.length).toBeGreaterThan(0));

  test.each(found)('%s says the same in both languages', (_, { en, ko }) => {
    expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
    for (const [key, words] of Object.entries(en)) {
      const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
      expect(holes(ko[key] ?? ''), key).toEqual(holes(words));
      expect(ko[key]?.trim(), key).toBeTruthy();
      expect(words.trim(), key).toBeTruthy();
    }
  });
});
