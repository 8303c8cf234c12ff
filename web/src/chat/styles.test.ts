import { expect, test } from 'vitest';
import { chatStyle } from './styles.ts';

const css = chatStyle.map(({ cssText }) => cssText).join('\n');
const pair = (name: string) => new RegExp(`${name}:\\s*light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(css)?.slice(1) ?? [];

/** WCAG 2.2, relative luminance and contrast ratio. */
function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const names = [...css.matchAll(/\.color-(\d) \{\s*color: light-dark\((#\w{6}), (#\w{6})\)/g)];

test.each(['--surface', '--raised', '--soft'])('names can be read on %s', (ground) => {
  expect(names).toHaveLength(8);
  for (const [, number, ...colors] of names) {
    for (const scheme of [0, 1]) {
      expect(contrast(colors[scheme] ?? '', pair(ground)[scheme] ?? ''), `color ${number}`).toBeGreaterThanOrEqual(4.5);
    }
  }
});

test.each([
  ['--text', '--surface'],
  ['--muted', '--surface'],
  ['--muted', '--raised'],
  ['--muted', '--soft'],
  ['--accent', '--soft'],
  ['--on-accent', '--accent'],
  ['--bad', '--surface'],
  ['--text', '--bad-soft'],
])('%s can be read on %s', (text, ground) => {
  const accent = (name: string) =>
    name === '--accent' ? (/--bongsu-accent, light-dark\((#\w{6}), (#\w{6})\)/.exec(css)?.slice(1) ?? []) : pair(name);
  for (const scheme of [0, 1]) {
    expect(contrast(accent(text)[scheme] ?? '', accent(ground)[scheme] ?? '')).toBeGreaterThanOrEqual(4.5);
  }
});
