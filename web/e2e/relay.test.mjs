/** Two people meet over the relay: a call with picture, words and files, and a broadcast offered to the gateway by the same way. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { expectShow } from './lib/expect.mjs';
import { root, startGateway } from './lib/gateway.mjs';
import { streamState } from './lib/studio.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

const room = '둘-만의.방';

/** Opens the page with a browser of its own, and joins. @param {string} origin @param {string} name */
async function enter(origin, name) {
  const browser = await launch({ origins: [origin] });
  onTestFinished(browser.close);
  const tab = await browser.open(`${origin}/relay-demo#${encodeURIComponent(name)}`);
  await tab.page.locator('#join').click();
  await tab.page.waitForSelector('#mine');
  return { ...tab, browser };
}

/** @param {Page} page */
const talking = (page) =>
  page.waitForFunction(() => {
    const video = /** @type {HTMLVideoElement | null} */ (document.querySelector('#theirs'));
    return (video?.videoWidth ?? 0) > 0 && (video?.currentTime ?? 0) > 1 && document.querySelector('#line');
  });

/** Writes to the other. @param {Page} page @param {string} text */
async function write(page, text) {
  await page.locator('#line').fill(text);
  await page.keyboard.press('Enter');
}

/** The SHA-256 of a file that a browser saves. @param {string} path @param {number} size */
async function saved(path, size) {
  const patience = performance.now() + 20_000;
  while (performance.now() < patience) {
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes?.length === size) {
      return createHash('sha256').update(bytes).digest('hex');
    }
    await pause(50);
  }
  throw new Error(`${path} was not saved`);
}

test('two browsers talk, write, and send files that arrive as they were', async () => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-files-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const a = await enter(gateway.origin, room);
  const b = await enter(gateway.origin, room);
  await talking(a.page);
  await talking(b.page);
  const control = await b.browser.puppet.target().createCDPSession();
  await control.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: join(folder, 'saved') });

  await write(a.page, '<b>안녕</b>');
  await b.page.waitForFunction(() => document.querySelector('.lines')?.textContent?.includes('<b>안녕</b>'));
  await write(b.page, 'hello');
  await a.page.waitForFunction(() => document.querySelector('.lines')?.textContent?.includes('hello'));

  const files = [
    { name: '사진 1.bin', bytes: randomBytes(1 << 20) },
    { name: 'empty.txt', bytes: Buffer.alloc(0) },
    { name: 'odd.bin', bytes: randomBytes(16 * 1024 * 3 + 1) },
  ];
  const paths = [];
  for (const { name, bytes } of files) {
    paths.push(join(folder, name));
    await writeFile(join(folder, name), bytes);
  }
  const input = /** @type {import('puppeteer-core').ElementHandle<HTMLInputElement>} */ (await a.page.$('#file'));
  await input.uploadFile(...paths);
  for (const { name, bytes } of files) {
    await b.page.locator(`.complete[data-name="${name}"] a`).click();
    const got = await saved(join(folder, 'saved', name), bytes.length);
    expect(got, name).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
  await mkdir(join(root, 'web/e2e/out'), { recursive: true });
  for (const width of [1280, 360]) {
    await a.page.setViewport({ width, height: 800 });
    await a.page.screenshot({ path: join(root, `web/e2e/out/relay-${width}.png`), fullPage: true });
    const tooWide = await a.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expect(tooWide, `wider than ${width} px`).toBe(false);
  }

  // A third one is told that two are talking, and disturbs nobody.
  const c = await enter(gateway.origin, room);
  await c.page.waitForFunction(() => document.querySelector('#state')?.textContent?.startsWith('Two others'));
  await write(b.page, 'still here');
  await a.page.waitForFunction(() => document.querySelector('.lines')?.textContent?.includes('still here'));

  // One goes, and comes back.
  await b.page.reload();
  await a.page.waitForFunction(() => document.querySelector('#state')?.textContent?.startsWith('Waiting'));
  await b.page.locator('#join').click();
  await talking(a.page);
  await talking(b.page);
  expect([...a.problems, ...b.problems, ...c.problems]).toEqual([]);
}, 120_000);

test('those in different rooms do not meet', async () => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const a = await enter(gateway.origin, 'one');
  const b = await enter(gateway.origin, 'two');
  await a.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 3000)));
  for (const { page, problems } of [a, b]) {
    expect(await page.$eval('#state', (element) => element.textContent)).toContain('Waiting');
    expect(problems).toEqual([]);
  }
});

test('an offer to the gateway goes live', async () => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const a = await enter(gateway.origin, room);
  await a.page.locator('#broadcast').click();
  await a.page.waitForSelector('#watch');
  await streamState(gateway.origin, room, 'live');
  const viewer = await launch({ origins: [gateway.origin] });
  onTestFinished(viewer.close);
  const { page, problems } = await viewer.open(`${gateway.origin}/watch/${encodeURIComponent(room)}`);
  await expectShow(page);
  await a.page.locator('#broadcast').click();
  await streamState(gateway.origin, room, 'offline');
  expect([...a.problems, ...problems]).toEqual([]);
});
