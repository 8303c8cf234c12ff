/** The publish page, as a person uses it. */
import { setTimeout as pause } from 'node:timers/promises';

/** @typedef {import('./browser.mjs').Tab} Tab */

/**
 * Presses "Use the camera" and "Go live", and waits until the server has the stream.
 * @param {Tab} tab
 * @param {string} origin of the gateway
 * @param {string} name
 */
export async function goLive({ page }, origin, name) {
  await page.locator('#use-camera').click();
  await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
  await page.locator('#start').click();
  await page.waitForSelector('#state.live');
  await streamState(origin, name, 'live');
}

/**
 * Waits until the server's API says that the stream is in a state.
 * @param {string} origin
 * @param {string} name
 * @param {string} state
 */
export async function streamState(origin, name, state) {
  const patience = performance.now() + 20_000;
  for (;;) {
    const response = await fetch(`${origin}/api/v1/streams/${encodeURIComponent(name)}`);
    const stream = await response.json();
    if (stream.state === state) {
      return stream;
    }
    if (performance.now() > patience) {
      throw new Error(`stream ${name} is not ${state}: ${JSON.stringify(stream)}`);
    }
    await pause(100);
  }
}
