import { language } from '../i18n/index.ts';
import { pageWords } from '../i18n/pages.ts';

/** "1:02:03" or "2:03". Negative times, which clocks that differ can give, count as none. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** "2.5 Mbit/s" or "128 kbit/s". */
export function bitrate(bitsPerSecond: number): string {
  const [value, unit, digits] =
    bitsPerSecond >= 1_000_000 ? [bitsPerSecond / 1_000_000, 'Mbit/s', 1] : [bitsPerSecond / 1000, 'kbit/s', 0];
  return `${number(value, digits)} ${unit}`;
}

/** A number as the reader's language writes it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString(language(), { maximumFractionDigits: digits });
}

/** "1 viewer", "1,234 viewers". */
export function viewers(count: number): string {
  const one = new Intl.PluralRules(language()).select(count) === 'one';
  return pageWords(one ? 'viewers.one' : 'viewers.other', { count: number(count) });
}
