/** What people are told when something does not work. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { publishWords } from '../src/i18n/publish.ts';
import { launch } from './lib/browser.mjs';
import { startGateway } from './lib/gateway.mjs';
import { goLive } from './lib/studio.mjs';

/** @type {import('./lib/gateway.mjs').Gateway} */
let gateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(() => gateway?.stop());

/**
 * A browser for one test.
 * @param {Parameters<typeof launch>[0]} options
 */
async function browserFor(options) {
  const browser = await launch({ origins: [gateway.origin], ...options });
  onTestFinished(browser.close);
  return browser;
}

/**
 * The first words of an alert.
 * @param {import('puppeteer-core').Page} page
 */
async function alertText(page) {
  const text = await page.waitForFunction(() => document.querySelector('[role=alert]')?.textContent?.trim());
  return text.jsonValue();
}

/**
 * The console's note of a request that the server answered with a status that the test is about.
 * @param {number[]} statuses
 * @returns {(problem: string) => boolean} whether a problem is another one
 */
const besides = (...statuses) => {
  return (problem) => !statuses.some((status) => problem.includes(`status of ${status}`));
};

test.each([
  ['en-US', 'not a stream name'],
  ['ko-KR', '방송 이름으로 쓸 수 없습니다'],
])('a name that cannot be one, in %s', async (language, words) => {
  const { open } = await browserFor({ language });
  const { page, problems } = await open('about:blank', [gateway.origin]);
  for (const kind of ['watch', 'embed', 'publish']) {
    const response = await page.goto(`${gateway.origin}/${kind}/two%20words`);
    expect(response?.status()).toBe(400);
    expect(await page.evaluate(() => document.body.textContent)).toContain(words);
  }
  expect(problems.filter(besides(400))).toEqual([]);
});

test('an address that leads nowhere', async () => {
  const { open } = await browserFor({});
  const { page, problems } = await open(`${gateway.origin}/no/such/page`);
  expect(await page.evaluate(() => document.querySelector('h1')?.textContent)).toBe('There is nothing here');
  await page.locator('a').click();
  await page.waitForSelector('bongsu-home');
  expect(problems.filter(besides(404))).toEqual([]);
});

test.each(
  /** @type {const} */ ([
    ['refused', 'media.denied'],
    ['none', 'media.notFound'],
  ]),
)('a camera that cannot be had: %s', async (capture, words) => {
  const { open } = await browserFor({ capture });
  const { page, problems } = await open(`${gateway.origin}/publish/lobby`);
  await page.locator('#use-camera').click();
  expect(await alertText(page)).toContain(publishWords(words, { device: 'camera' }, 'en'));
  expect(problems).toEqual([]);
});

test('a stream that somebody else is publishing', async () => {
  const [first, second] = await Promise.all([browserFor({}), browserFor({})]);
  const studio = await first.open(`${gateway.origin}/publish/stage`);
  await goLive(studio, gateway.origin, 'stage');
  const { page, problems } = await second.open(`${gateway.origin}/publish/stage`);
  await page.locator('#use-camera').click();
  await page.locator('::-p-aria([name="Stream key"][role="textbox"])').fill('of somebody else');
  await page.locator('#start').click();
  expect(await alertText(page)).toContain(publishWords('failed.409', { name: 'stage' }, 'en'));
  expect(problems.filter(besides(409))).toEqual([]);
  expect(studio.problems).toEqual([]);
  expect(await studio.page.$('#state.live')).not.toBeNull();
});
