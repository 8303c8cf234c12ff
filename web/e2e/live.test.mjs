/** A person publishes from the browser; others watch on our page, in a frame and by the element on another site. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { expectShow } from './lib/expect.mjs';
import { startGateway } from './lib/gateway.mjs';
import { observe } from './lib/inpage.mjs';
import { startSite } from './lib/site.mjs';
import { goLive, streamState } from './lib/studio.mjs';

const name = '봉수-방송_1';
const path = encodeURIComponent(name);

/** @type {import('./lib/gateway.mjs').Gateway} */
let gateway;
/** @type {Awaited<ReturnType<typeof startSite>>} */
let site;
/** @type {import('./lib/browser.mjs').Browser} */
let publisher;
/** @type {import('./lib/browser.mjs').Browser} */
let viewer;
/** @type {import('./lib/browser.mjs').Tab} */
let studio;

beforeAll(async () => {
  gateway = await startGateway();
  const { origin } = gateway;
  site = await startSite({
    '/frame': `<iframe src="${origin}/embed/${path}" width="640" height="360" allow="autoplay; fullscreen"></iframe>`,
    '/element': `<script type="module" src="${origin}/player.js"></script>
      <bongsu-player src="${origin}/whep/${path}" autoplay controls></bongsu-player>`,
  });
  publisher = await launch({ origins: [origin] });
  viewer = await launch({ origins: [origin, site.origin] });
  studio = await publisher.open(`${origin}/publish/${path}`);
  await goLive(studio, origin, name);
});

afterAll(async () => {
  await Promise.all([publisher?.close(), viewer?.close()]);
  await site?.close();
  await gateway?.stop();
});

describe('a broadcast from the browser', () => {
  test('is seen and heard on the watch page', async () => {
    const { page, problems } = await viewer.open(`${gateway.origin}/watch/${path}`);
    await expectShow(page);
    expect(await page.title()).toContain(name);
    expect(problems).toEqual([]);
    await page.close();
  });

  test('is seen and heard in a frame on another site', async () => {
    const { page, problems } = await viewer.open(`${site.origin}/frame`, [gateway.origin]);
    const frame = await page.waitForFrame((candidate) => candidate.url().startsWith(gateway.origin));
    await expectShow(frame);
    expect(problems).toEqual([]);
    await page.close();
  });

  test('is seen and heard through the element on another site', async () => {
    const { page, problems } = await viewer.open(`${site.origin}/element`, [gateway.origin]);
    await expectShow(page);
    expect(problems).toEqual([]);
    await page.close();
  });

  test('goes on in the same session after the publisher reloads', async () => {
    const { page, problems, sessions } = await viewer.open(`${gateway.origin}/watch/${path}`);
    const before = await expectShow(page);
    studio.page.once('dialog', (dialog) => dialog.accept()); // "leave this page?"
    await studio.page.reload();
    await streamState(gateway.origin, name, 'offline');
    await goLive(studio, gateway.origin, name);
    const after = await expectShow(page);
    expect(after.peers).toBe(1);
    expect(after.ssrcs).toEqual(before.ssrcs);
    expect(sessions).toHaveLength(1);
    expect(problems).toEqual([]);
    await page.close();
  });

  test('is counted, and its viewers are gone when they leave', async () => {
    const { page } = await viewer.open(`${gateway.origin}/watch/${path}`);
    await expectShow(page);
    expect((await streamState(gateway.origin, name, 'live')).viewers).toBe(1);
    await page.close({ runBeforeUnload: false });
    await expect.poll(async () => (await streamState(gateway.origin, name, 'live')).viewers).toBe(0);
  });

  test('ends when the publisher says so, and the viewer is told', async () => {
    const { page, problems } = await viewer.open(`${gateway.origin}/watch/${path}`);
    await expectShow(page);
    await studio.page.locator('#stop').click();
    await streamState(gateway.origin, name, 'offline');
    await page.waitForSelector('.tag.offline');
    expect((await observe(page, 500)).frames).toBeLessThan(3);
    expect(studio.problems).toEqual([]);
    expect(problems).toEqual([]);
  });
});
