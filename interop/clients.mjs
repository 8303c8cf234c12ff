/** The clients under test: each can publish and play. */
import { launch } from '../web/e2e/lib/browser.mjs';
import { launchFirefox } from '../web/e2e/lib/firefox.mjs';
import { startDriver } from './driver.mjs';
import { installClient } from './page_client.mjs';
import { installPicture } from './page_picture.mjs';
import { installTalk } from './page_talk.mjs';

/** How long one publisher or one player may take, milliseconds. */
const patience = 60_000;

/**
 * @typedef {import('./page_picture.mjs').Report} Report
 *
 * @typedef {object} Options
 * @property {boolean} [trickle] candidates in PATCHes, not in the offer; browsers always do so
 * @property {boolean} [tcp] candidates for TCP only; GStreamer only
 * @property {boolean} [restart] restart ICE once it is connected; browsers only. A player is then a plain client, not our page
 * @property {string} [talk] open the data channels, and chat by this name; a player in a browser is then a plain client, too
 * @property {number} [data] how many messages a player who talks waits for on the channel "data"
 *
 * @typedef {object} Publication
 * @property {import('./page_talk.mjs').Digest[]} data what it sends each second, if it talks
 * @property {() => Promise<void>} stop ends it, and rejects if anything went wrong
 *
 * @typedef {object} Client
 * @property {(origin: string, stream: string, codec: string, options: Options) => Promise<Publication>} publish
 *   returns when it is connected, and has said hello
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
      const { data } = /** @type {Publication} */ (await driver.next());
      return { data, stop: driver.end };
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
function flags({ trickle, tcp, talk, data }) {
  return [
    ...(trickle ? ['--trickle'] : []),
    ...(tcp ? ['--tcp'] : []),
    ...(talk ? ['--talk', talk] : []),
    ...(data ? ['--data', String(data)] : []),
  ];
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
      await page.evaluateOnNewDocument(installTalk);
    });
    tab.page.setDefaultTimeout(patience);
    return tab.page;
  };
  return {
    publish: async (origin, stream, codec, { restart = false, talk = '' }) => {
      const page = await open('publisher', origin, '/readyz');
      /** @type {import('./page_talk.mjs').Digest[]} */
      let data;
      try {
        data = await inTime(page.evaluate(publish, `${origin}/whip/${stream}`, codec, restart, talk));
      } catch (error) {
        await page.close();
        throw error;
      }
      return { data, stop: () => inTime(page.evaluate(end)).finally(() => page.close()) };
    },
    play: async (origin, stream, frames, { restart = false, talk = '', data = 0 }) => {
      const plain = restart || talk !== '';
      const page = await open('player', origin, plain ? '/readyz' : `/embed/${stream}`);
      const endpoint = plain ? `${origin}/whep/${stream}` : '';
      return inTime(page.evaluate(play, endpoint, frames, restart, talk, data)).finally(() => page.close());
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
 * @property {import('./page_talk.mjs').Talk} talk
 * @property {import('../web/e2e/lib/inpage.mjs').Watcher} watcher
 */

/**
 * Runs in the page.
 * @param {string} endpoint
 * @param {string} codec
 * @param {boolean} restart
 * @param {string} name in the chat, if any
 */
async function publish(endpoint, codec, restart, name) {
  const { client, talk } = /** @type {Page} */ (/** @type {unknown} */ (globalThis));
  await client.publish(endpoint, codec, name);
  if (restart) {
    await client.restart();
  }
  if (!name) {
    return [];
  }
  await talk.settled();
  return talk.spread();
}

/** Runs in the page. */
async function end() {
  const { client, talk } = /** @type {Page} */ (/** @type {unknown} */ (globalThis));
  await client.close();
  if (talk.errors().length > 0) {
    throw new Error(`the chat refused: ${talk.errors().join('; ')}`);
  }
}

/**
 * Runs in the page.
 * @param {string} endpoint empty if the page plays by itself
 * @param {number} frames
 * @param {boolean} restart
 * @param {string} name in the chat, if any
 * @param {number} data messages to wait for
 */
async function play(endpoint, frames, restart, name, data) {
  const { client, picture, talk, watcher } = /** @type {Page} */ (/** @type {unknown} */ (globalThis));
  if (endpoint) {
    await client.play(endpoint, name);
  }
  if (restart) {
    await client.restart();
  }
  for (;;) {
    const video = watcher.video();
    if (video) {
      const [seen, heard] = await Promise.all([picture.look(video, frames), name ? talk.complete(data) : null]);
      return { ...seen, talk: heard };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
