/**
 * Words in the language of the reader: small typed dictionaries, one per part of the site.
 *
 * The language is `?lang=` of the page, else the one chosen before, else the first of navigator.languages that we speak.
 */
import type { ReactiveController, ReactiveControllerHost } from 'lit';

export const languages = ['en', 'ko'] as const;
export type Language = (typeof languages)[number];

/** The name of each language in itself, for a switch. */
export const languageNames: Record<Language, string> = { en: 'English', ko: '한국어' };

export type Parameters = Record<string, string | number>;

/** Gives the words for a key, with `{name}` replaced from the parameters; in another language than the current one if told. */
export interface Dictionary<Key extends string> {
  (key: Key, parameters?: Parameters, language?: Language): string;
  /** The words as they were given, for tests. */
  readonly words: Readonly<Record<Language, Readonly<Record<Key, string>>>>;
}

/** Makes a dictionary. The compiler sees to it that every language has every key. */
export function dictionary<const English extends Record<string, string>>(words: {
  en: English;
  ko: Record<keyof English, string>;
}): Dictionary<keyof English & string> {
  const say = (key: keyof English & string, parameters: Parameters = {}, tongue = language()): string =>
    words[tongue][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
  return Object.assign(say, { words });
}

const storageKey = 'bongsu.lang';

/** Tells of a change of language with a `change` event. */
export const languageChange = new EventTarget();

let current: Language | undefined;

/** The language now. */
export function language(): Language {
  current ??= preferredLanguage(location.search, stored(), navigator.languages);
  return current;
}

/** Chooses a language, remembers it where the browser lets us, and tells everybody who listens. */
export function setLanguage(chosen: Language): void {
  current = chosen;
  try {
    localStorage.setItem(storageKey, chosen);
  } catch {
    // A cross-origin frame or a private window: the choice lasts as long as the page.
  }
  languageChange.dispatchEvent(new Event('change'));
}

/** The first language that we speak: of the query, of the stored choice, of the browser's list; English if none. */
export function preferredLanguage(query: string, choice: string | null, browser: readonly string[]): Language {
  const wishes = [new URLSearchParams(query).get('lang'), choice, ...browser];
  return wishes.map(spoken).find((known) => known !== undefined) ?? 'en';
}

/** The language that a tag such as "ko-KR" stands for, if we speak it (RFC 5646: the primary subtag). */
export function spoken(tag: string | null | undefined): Language | undefined {
  const primary = tag?.toLowerCase().split('-')[0];
  return languages.find((known) => known === primary);
}

function stored(): string | null {
  try {
    return localStorage.getItem(storageKey);
  } catch {
    return null;
  }
}

/** Renders a Lit element again when the language changes: `new LanguageController(this)`. */
export class LanguageController implements ReactiveController {
  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostConnected(): void {
    languageChange.addEventListener('change', this.update);
  }

  hostDisconnected(): void {
    languageChange.removeEventListener('change', this.update);
  }

  private readonly update = (): void => this.host.requestUpdate();
}
