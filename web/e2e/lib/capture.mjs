/** Pictures of pages to look at, in e2e/out. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { root } from './gateway.mjs';

const folder = join(root, 'web/e2e/out');
const sizes = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
];

/**
 * Takes the four pictures of a page, and expects that nothing is wider than the screen.
 * @param {import('puppeteer-core').Page} page
 * @param {string} name
 * @param {string} language
 * @param {{ fullPage?: boolean }} [options] fullPage: also what has to be scrolled to
 */
export async function capture(page, name, language, { fullPage = true } = {}) {
  await mkdir(folder, { recursive: true });
  for (const size of sizes) {
    await page.setViewport(size);
    for (const scheme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 150))));
      await page.screenshot({ path: join(folder, `${name}-${language}-${size.width}-${scheme}.png`), fullPage });
    }
    const tooWide = await page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement;
      const elements = [...document.querySelectorAll('body *')].filter(
        (element) => element.getBoundingClientRect().right > clientWidth + 0.5,
      );
      return scrollWidth > clientWidth ? elements.map(({ localName, className }) => `${localName}.${className}`) : [];
    });
    expect.soft(tooWide, `wider than ${size.width} px: ${name} in ${language}`).toEqual([]);
  }
}
