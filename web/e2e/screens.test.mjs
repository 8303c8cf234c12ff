/** Every page in its main states, at two widths, light and dark, in both languages: pictures to look at, in e2e/out. */
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { capture } from './lib/capture.mjs';
import { demoFile, startGateway } from './lib/gateway.mjs';
import { firstFrame } from './lib/inpage.mjs';
import { goLive } from './lib/studio.mjs';

/** @typedef {import('puppeteer-core').Page} Page */
/** @typedef {import('../src/api.ts').WhepStatistics} WhepStatistics */

/** @param {Page} page */
const waiting = (page) => page.waitForFunction(() => document.querySelector('bongsu-player')?.state === 'waiting');

/** @param {Page} page */
const measured = (page) =>
  page.waitForFunction(() => document.querySelector('bongsu-player')?.statistics?.framesPerSecond);

/**
 * Expects that the statistics panel shows all it has, on one line each, and leaves the controls free, with the longest numbers.
 * @param {Page} page
 * @param {number} width
 */
async function expectStatisticsFit(page, width) {
  await page.setViewport({ width, height: 800 });
  const trouble = await page.evaluate(async () => {
    const player = document.querySelector('bongsu-player');
    const find = (/** @type {string} */ selector) => player?.shadowRoot?.querySelector(selector);
    const panel = /** @type {HTMLElement & { statistics: WhepStatistics, updateComplete: Promise<boolean> }} */ (
      find('bongsu-statistics')
    );
    const most = { width: 1920, height: 1080, bitrate: 12_340_000, framesPerSecond: 59.94, lossRatio: 1 };
    panel.statistics = /** @type {WhepStatistics} */ ({
      ...player?.statistics,
      ...most,
      packetsLost: 12_345,
      jitterBufferMs: 1234,
      roundTripTimeMs: 1234,
    });
    await panel.updateComplete;
    const rows = [...(panel.shadowRoot?.querySelectorAll('dl div') ?? [])];
    const lowest = find('media-play-button')?.getBoundingClientRect().top ?? 0;
    return [
      panel.scrollHeight > panel.clientHeight && 'cut off below',
      panel.scrollWidth > panel.clientWidth && 'cut off at the side',
      panel.getBoundingClientRect().bottom > lowest && 'over the controls',
      rows.length !== 7 && `${rows.length} rows`,
      rows.some((row) => row.clientHeight > 24) && 'a row on two lines',
    ].filter(Boolean);
  });
  expect.soft(trouble, `statistics on a screen of ${width} px`).toEqual([]);
}

test.each(['en', 'ko'])('screens in %s', { timeout: 180_000 }, async (language) => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const busy = await startGateway({
    config: { streams: { lobby: { file: demoFile }, '봉수-방송': { file: demoFile } } },
  });
  onTestFinished(busy.stop);
  const browser = await launch({ language, origins: [gateway.origin] });
  onTestFinished(browser.close);

  /** @param {string} url @param {string} name @param {(page: Page) => Promise<unknown>} prepare */
  const take = async (url, name, prepare) => {
    const { page } = await browser.open(url);
    await prepare(page);
    await capture(page, name, language);
    await page.close();
  };
  await take(`${gateway.origin}/`, 'home-empty', (page) => page.waitForSelector('.empty'));
  await take(`${busy.origin}/`, 'home-live', (page) => page.waitForSelector('.tag.live'));
  await take(`${busy.origin}/watch/${encodeURIComponent('봉수-방송')}`, 'watch-live', measured);
  await take(`${busy.origin}/watch/lobby`, 'watch-statistics', async (page) => {
    await measured(page);
    await page.locator('bongsu-player >>> button.icon').click();
    await page.waitForSelector('bongsu-player >>> canvas');
    await page.waitForFunction(
      (since) => performance.now() - since > 3000,
      {},
      await page.evaluate(() => performance.now()),
    );
    for (const width of [320, 360, 480, 620, 1280]) {
      await expectStatisticsFit(page, width);
    }
  });
  await take(`${gateway.origin}/watch/tomorrow`, 'watch-waiting', waiting);
  await take(`${busy.origin}/embed/lobby`, 'embed-live', (page) => firstFrame(page));
  await take(`${gateway.origin}/embed/tomorrow`, 'embed-waiting', waiting);
  await take(`${gateway.origin}/watch/two%20words`, 'error-name', (page) => page.waitForSelector('h1'));
  await take(`${gateway.origin}/nowhere`, 'error-nowhere', (page) => page.waitForSelector('h1'));
  await take(`${gateway.origin}/publish/studio`, 'publish-idle', (page) => page.waitForSelector('#use-camera'));
  await take(`${gateway.origin}/publish/studio`, 'publish-preview', async (page) => {
    await page.locator('#use-camera').click();
    await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
  });
  const studio = await browser.open(`${gateway.origin}/publish/studio`);
  await goLive(studio, gateway.origin, 'studio');
  await studio.page.waitForSelector('live-statistics [role=status]');
  await capture(studio.page, 'publish-live', language);
});
