/**
 * Instant join, measured: the time from a viewer's POST to the first frame on the screen, in Chromium, for 20 joins spread evenly
 * over the group of pictures of a source with a keyframe every 4 s that takes no requests for more.
 */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { launch } from './lib/browser.mjs';
import { makeClip } from './lib/clip.mjs';
import { root, startGateway } from './lib/gateway.mjs';
import { firstFrame } from './lib/inpage.mjs';
import { startSite } from './lib/site.mjs';

const joins = 20;
/** Seconds. */
const group = 4;
const clip = { seconds: 5 * group, keyframeEvery: group, frameRate: 30, bitrate: 2_000_000, width: 1280, height: 720 };

const site = await startSite({ '/': '' });
const browser = await launch();
/** @type {import('./lib/gateway.mjs').Gateway | undefined} */
let gateway;
try {
  const video = await clipFile();
  gateway = await startGateway({
    config: { streams: { bench: { file: { video, loop: true, fps: clip.frameRate } } } },
  });
  const times = await measure(gateway.origin);
  report(times);
} finally {
  await browser.close();
  await site.close();
  await gateway?.stop();
}

/** The source, made once. */
async function clipFile() {
  const folder = join(root, 'web/e2e/out');
  const file = join(folder, `bench-${Object.values(clip).join('-')}.h264`);
  if (!(await stat(file).catch(() => undefined))) {
    const { page } = await browser.open(`${site.origin}/`);
    await mkdir(folder, { recursive: true });
    await writeFile(file, await makeClip(page, clip));
    await page.close();
  }
  return file;
}

/**
 * Joins again and again. A step of 1.4 s visits twenty moments of the group, 0.2 s apart, out of order.
 * @param {string} origin
 * @returns {Promise<number[]>} milliseconds
 */
async function measure(origin) {
  const step = (7 * group * 1000) / joins;
  const times = [];
  await joinOnce(origin); // scripts compiled, caches warm: what is measured is the join
  const began = performance.now();
  for (let i = 1; i <= joins; i++) {
    await pause(Math.max(0, began + i * step - performance.now()));
    times.push(await joinOnce(origin));
  }
  return times;
}

/** @param {string} origin */
async function joinOnce(origin) {
  const { page, problems } = await browser.open(`${origin}/embed/bench`);
  const { posted, shown } = await firstFrame(page);
  await page.close();
  if (problems.length > 0) {
    throw new Error(problems.join('\n'));
  }
  return shown - posted;
}

/** @param {number[]} times */
function report(times) {
  const sorted = times.toSorted((a, b) => a - b);
  /** @param {number} share */
  const at = (share) => (sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(0);
  process.stdout.write(
    `POST to first frame, ${times.length} joins over a group of pictures of ${group} s ` +
      `(H.264 ${clip.width}x${clip.height}, ${clip.bitrate / 1e6} Mbit/s, load average ${loadavg()[0]?.toFixed(2)}):\n` +
      `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms\n` +
      `each: ${times.map((time) => time.toFixed(0)).join(' ')}\n`,
  );
}
