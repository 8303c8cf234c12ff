/** The clients under test: each can publish and play. */
import { launch } from '../web/e2e/lib/browser.mjs';
import { launchFirefox } from '../web/e2e/lib/firefox.mjs';
import { startDriver } from './driver.mjs';
import { installClient } from './page_client.mjs';
import { installPicture } from './page_picture.mjs';

/** How long one publisher or one player may take, milliseconds. */
const patience = 60_000;

/**
 * @typedef {import('./page_picture.mjs').Report} Report
 *
 * @typedef {object} Options
 * @property {boolean} [trickle] candidates in PATCHes, not in the offer; browsers always do so
 * @property {boolean} [tcp] candidates for TCP only; GStreamer only
 * @property {boolean} [restart] restart ICE once it is connected; browsers only. A player is then a plain client, not our page
 *
 * @typedef {object} Client
 * @property {(origin: string, stream: string, codec: string, options: Options) => Promise<() => Promise<void>>} publish
 *   returns when it is connected; what it gives ends it
 * @property {(origin: string, stream: string, frames: number, options: Options) => Promise<Report>} play until so many were seen
 * @property {() => Promise<void>} close
 */

/**
 * Gives all clients. They start nothing before it is used.
 * @returns {Record<string, Client>}
 */
export function clients() {
  return {
    aiortc: inPython('aiortc'),
    gstreamer: inPython('gst'),
    chromium: inBrowser((origin) => launch({ origins: [origin] })),
    firefox: inBrowser((origin) => launchFirefox({ origins: [origin] })),
  };
}

/**
 * @param {string} name of the scripts
 * @returns {Client}
 */
function inPython(name) {
  return {
    publish: async (origin, stream, codec, how) => {
      const options = [`${origin}/whip/${stream}`, codec, ...flags(how)];
      const driver = startDriver(`${name}_publish.py`, options, 4 * patience);
      await driver.next();
      return driver.end;
    },
    play: async (origin, stream, frames, how) => {
      const options = [`${origin}/whep/${stream}`, String(frames), ...flags(how)];
      const driver = startDriver(`${name}_play.py`, options, patience);
      const report = /** @type {Report} */ (await driver.next());
      await driver.end();
      return report;
    },
    close: async () => undefined,
  };
}

/** @param {Options} options */
function flags({ trickle, tcp }) {
  return [...(trickle ? ['--trickle'] : []), ...(tcp ? ['--tcp'] : [])];
}

/**
 * Publishers and players have a browser each: tabs of one browser throttle each other.
 * @param {(origin: string) => Promise<import('../web/e2e/lib/browser.mjs').Browser>} start
 * @returns {Client}
 */
function inBrowser(start) {
  /** @type {Map<string, ReturnType<typeof start>>} */
  const browsers = new Map();
  /** @param {string} role @param {string} origin @param {string} path */
  const open = async (role, origin, path) => {
    const key = `${role} ${origin}`;
    const browser = browsers.get(key) ?? start(origin);
    browsers.set(key, browser);
    const tab = await (await browser).open(`${origin}${path}`, [], async (page) => {
      await page.setViewport({ width: 640, height: 480 }); // what has no GPU draws it
      await page.evaluateOnNewDocument(installPicture);
      await page.evaluateOnNewDocument(installClient);
    });
    tab.page.setDefaultTimeout(patience);
    return tab.page;
  };
  return {
    publish: async (origin, stream, codec, { restart = false }) => {
      const page = await open('publisher', origin, '/readyz');
      try {
        await inTime(page.evaluate(publish, `${origin}/whip/${stream}`, codec, restart));
      } catch (error) {
        await page.close();
        throw error;
      }
      return async () => {
        await inTime(page.evaluate(end)).finally(() => page.close());
      };
    },
    play: async (origin, stream, frames, { restart = false }) => {
      const page = await open('player', origin, restart ? '/readyz' : `/embed/${stream}`);
      return inTime(page.evaluate(play, restart ? `${origin}/whep/${stream}` : '', frames)).finally(() => page.close());
    },
    close: async () => {
      await Promise.all([...browsers.values()].map(async (browser) => (await browser).close()));
    },
  };
}

/**
 * @template T
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
async function inTime(work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took more than ${patience / 1000} s`)), patience);
  });
  try {
    return /** @type {T} */ (await Promise.race([work, late]));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What is in a page.
 * @typedef {object} Page
 * @property {import('./page_client.mjs').Client} client
 * @property {import('./page_picture.mjs').Picture} picture
 * @property {import('../web/e2e/lib/inpage.mjs').Watcher} watcher
 */

/**
 * Runs in the page.
 * @param {string} endpoint
 * @param {string} codec
 * @param {boolean} restart
 */
async function publish(endpoint, codec, restart) {
  const { client } = /** @type {Page} */ (/** @type {unknown} */ (globalThis));
  await client.publish(endpoint, codec);
  if (restart) {
    await client.restart();
  }
}

/** Runs in the page. */
function end() {
  return /** @type {Page} */ (/** @type {unknown} */ (globalThis)).client.close();
}

/**
 * Runs in the page.
 * @param {string} endpoint empty if the page plays by itself
 * @param {number} frames
 */
async function play(endpoint, frames) {
  const { client, picture, watcher } = /** @type {Page} */ (/** @type {unknown} */ (globalThis));
  if (endpoint) {
    await client.play(endpoint);
    await client.restart();
  }
  for (;;) {
    const video = watcher.video();
    if (video) {
      return picture.look(video, frames);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
