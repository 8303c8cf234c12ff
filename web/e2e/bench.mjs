/**
 * What a viewer gets, measured in Chromium and, where it is installed, in Firefox:
 * - instant join: the time from the POST to the first frame on the screen, for joins spread evenly over the group of pictures of
 *   a source with a keyframe every 4 s that takes no requests for more;
 * - rebind: how long the picture stands still when the viewer's NAT gives it another port.
 */
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { launch } from './lib/browser.mjs';
import { makeClip } from './lib/clip.mjs';
import { launchFirefox, missingFirefox } from './lib/firefox.mjs';
import { root, startGateway } from './lib/gateway.mjs';
import { firstFrame, follow, observe } from './lib/inpage.mjs';
import { startRelay, useRelay } from './lib/relay.mjs';
import { startSite } from './lib/site.mjs';

const joins = 20;
/** Milliseconds; a join that takes longer is explained. */
const target = 200;
const rebinds = 3;
/** Seconds. */
const group = 4;
/** It outlasts each measurement: near the end of a loop, a file source would begin the next one early when asked for a keyframe. */
const seconds = 15 * group;
const clip = { seconds, keyframeEvery: group, frameRate: 30, bitrate: 2_000_000, width: 1280, height: 720 };

/**
 * @typedef {object} Contender
 * @property {'h264' | 'vp8'} codec
 * @property {(options: { origins: string[] }) => Promise<Browser>} launch
 *
 * @typedef {import('./lib/browser.mjs').Browser} Browser
 * @typedef {import('./lib/gateway.mjs').Gateway} Gateway
 * @typedef {import('./lib/inpage.mjs').Join} Join
 */

/** @type {Contender[]} */
const contenders = [{ codec: 'h264', launch }];
const notice = await missingFirefox();
if (notice) {
  say(notice);
} else {
  contenders.push({ codec: 'vp8', launch: launchFirefox });
}
for (const { codec } of contenders) {
  await source(codec);
}
say(
  `Load average before: ${load()}. ${clip.width}x${clip.height}, ${clip.bitrate / 1e6} Mbit/s, a keyframe every ${group} s.\n\n` +
    `POST to first frame, ms, ${joins} joins\n` +
    row(['browser', 'codec', 'p50', 'p95', 'max', 'PLI', 'load'], 'each'),
);
for (const contender of contenders) {
  await run(contender, joinAgainAndAgain);
}
say(`\nLongest time without a new frame, ms, ${rebinds} rebinds\n${row(['browser', 'codec', 'max', 'load'], 'each')}`);
for (const contender of contenders) {
  await run(contender, rebindAgainAndAgain);
}

/**
 * @param {Contender} contender
 * @param {(browser: Browser, gateway: Gateway, codec: string) => Promise<void>} measure
 */
async function run({ codec, launch }, measure) {
  const video = await source(codec);
  const gateway = await startGateway({
    config: { streams: { bench: { file: { video, loop: true, fps: clip.frameRate } } } },
  });
  try {
    const browser = await launch({ origins: [gateway.origin] });
    try {
      await measure(browser, gateway, codec);
    } finally {
      await browser.close();
    }
  } finally {
    await gateway.stop();
  }
}

/**
 * The source, made once.
 * @param {'h264' | 'vp8'} codec
 */
async function source(codec) {
  const folder = join(root, 'web/e2e/out');
  const file = join(folder, `bench-${Object.values(clip).join('-')}.${codec === 'vp8' ? 'ivf' : 'h264'}`);
  if (!(await stat(file).catch(() => undefined))) {
    const site = await startSite({ '/': '' });
    const browser = await launch();
    try {
      const { page } = await browser.open(`${site.origin}/`);
      await mkdir(folder, { recursive: true });
      await writeFile(`${file}.part`, await makeClip(page, { codec, ...clip }));
      await rename(`${file}.part`, file);
    } finally {
      await browser.close();
      await site.close();
    }
  }
  return file;
}

/**
 * A step of 1.4 s visits twenty moments of the group, 0.2 s apart, out of order.
 * @param {Browser} browser
 * @param {Gateway} gateway
 * @param {string} codec
 */
async function joinAgainAndAgain(browser, { origin }, codec) {
  const step = (7 * group * 1000) / joins;
  const seen = [];
  await joinOnce(browser, origin); // scripts compiled, caches warm: what is measured is the join
  const began = performance.now();
  for (let i = 1; i <= joins; i++) {
    await pause(Math.max(0, began + i * step - performance.now()));
    seen.push(await joinOnce(browser, origin));
  }
  const times = seen.map(({ posted, shown }) => shown - posted);
  const requests = seen.reduce((sum, join) => sum + join.requests, 0);
  say(
    row(
      [await name(browser), codec, at(times, 0.5), at(times, 0.95), at(times, 1), String(requests), load()],
      seen.map(describe).join(' '),
    ),
  );
}

/**
 * The time of a join, and where it went when it was slow.
 * @param {Join} join
 */
function describe({ posted, answered, connected, shown, requests }) {
  const [answer, connection, frame] = [answered, connected, shown].map((time) => (time - posted).toFixed(0));
  const slow = shown - posted > target;
  return slow ? `${frame} (answer ${answer}, connected ${connection}, PLI ${requests})` : frame;
}

/**
 * @param {Browser} browser
 * @param {string} origin
 * @returns {Promise<Join>}
 */
async function joinOnce(browser, origin) {
  const { page, problems } = await browser.open(`${origin}/embed/bench`);
  const join = await firstFrame(page);
  await page.close();
  if (problems.length > 0) {
    throw new Error(problems.join('\n'));
  }
  return join;
}

/**
 * @param {Browser} browser
 * @param {Gateway} gateway
 * @param {string} codec
 */
async function rebindAgainAndAgain(browser, { origin, media }, codec) {
  const relay = await startRelay(media);
  try {
    const { page, sessions } = await browser.open(`${origin}/embed/bench`, [], (page) => useRelay(page, relay));
    await firstFrame(page);
    await pause(3000); // what a join brings with it is over
    const pauses = [];
    for (let i = 0; i < rebinds; i++) {
      const flow = follow(page, 12_000);
      await pause(500);
      relay.rebind();
      const { pause: longest, last } = await flow;
      const { peers } = await observe(page, 0);
      const alone = last > 10 && peers === 1 && sessions.length === 1;
      pauses.push(
        alone ? longest.toFixed(0) : `${longest.toFixed(0)} (in ${sessions.length} sessions, ${last} frames/s)`,
      );
    }
    const worst = Math.max(...pauses.map(Number.parseFloat));
    say(row([await name(browser), codec, worst.toFixed(0), load()], pauses.join(' ')));
    await page.close();
  } finally {
    await relay.close();
  }
}

/** @param {Browser} browser */
async function name({ puppet }) {
  return (await puppet.version()).replace(
    /^(?:Headless)?(.)(\w*)\/(\d+).*$/,
    (_, first, rest, version) => `${first.toUpperCase()}${rest} ${version}`,
  );
}

function load() {
  return (loadavg()[0] ?? Number.NaN).toFixed(2);
}

/**
 * A percentile, by nearest rank.
 * @param {number[]} times
 * @param {number} share
 */
function at(times, share) {
  const sorted = times.toSorted((a, b) => a - b);
  return (sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(0);
}

/**
 * @param {string[]} cells the browser and its codec first
 * @param {string} each
 */
function row([browser = '', codec = '', ...cells], each) {
  return [browser.padEnd(14), codec.padEnd(6), ...cells.map((cell) => cell.padStart(7)), ` ${each}`].join(' ');
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`);
}
