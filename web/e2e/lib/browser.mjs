/** Browsers for the tests: each a process and a profile of its own, since tabs of one browser throttle each other. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { watchPage } from './inpage.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
];
/** @type {Record<Capture, string[]>} */
const captureFlags = {
  fake: ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
  refused: ['--use-fake-device-for-media-stream'],
  none: ['--use-fake-ui-for-media-stream'],
};

/**
 * @typedef {'fake' | 'refused' | 'none'} Capture a camera that shows a test picture; one, and a person who says no; no camera
 *
 * @typedef {object} Tab
 * @property {import('puppeteer-core').Page} page
 * @property {string[]} problems what went wrong so far: errors of scripts, of the console, requests to strangers
 * @property {string[]} sessions the Location of each WHIP or WHEP session that was created
 *
 * @typedef {object} Browser
 * @property {import('puppeteer-core').Browser} puppet
 * @property {(url: string, origins?: string[], prepare?: (page: import('puppeteer-core').Page) => Promise<void>) => Promise<Tab>} open
 *   goes to a page, once it is prepared; requests may go to its origin and these
 * @property {() => Promise<void>} close
 */

/**
 * Starts a browser.
 * @param {{ capture?: Capture, language?: string, gesture?: boolean, origins?: string[], flags?: string[] }} [options]
 *   gesture: sound needs a click, as in real life; origins: those with the right to capture, by which Chromium also offers its loopback address;
 *   flags: more of Chromium's
 * @returns {Promise<Browser>}
 */
export async function launch({
  capture = 'fake',
  language = 'en-US',
  gesture = false,
  origins = [],
  flags: more = [],
} = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'bongsu-chromium-'));
  const puppet = await puppeteer.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    userDataDir: profile,
    protocolTimeout: 30_000,
    defaultViewport: { width: 1280, height: 800 },
    args: [
      ...flags.filter((flag) => !(gesture && flag.startsWith('--autoplay-policy'))),
      ...captureFlags[capture],
      `--accept-lang=${language}`,
      ...more,
    ],
  });
  for (const origin of origins) {
    await puppet
      .defaultBrowserContext()
      .overridePermissions(origin, capture === 'refused' ? [] : ['camera', 'microphone']);
  }
  return browser(puppet, profile);
}

/**
 * @param {import('puppeteer-core').Browser} puppet
 * @param {string} profile its directory, which goes when it is closed
 * @returns {Browser}
 */
export function browser(puppet, profile) {
  return {
    puppet,
    open: async (url, others = [], prepare = async () => undefined) => {
      const tab = await newTab(puppet, [new URL(url).origin, ...others]);
      await prepare(tab.page);
      await tab.page.goto(url);
      return tab;
    },
    close: async () => {
      await puppet.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/**
 * A tab that notes what goes wrong in it.
 * @param {import('puppeteer-core').Browser} puppet
 * @param {string[]} allowed origins
 * @returns {Promise<Tab>}
 */
export async function newTab(puppet, allowed) {
  const page = await puppet.newPage();
  /** @type {Tab} */
  const tab = { page, problems: [], sessions: [] };
  page.on('pageerror', (error) => tab.problems.push(`script: ${error}`));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      tab.problems.push(`console: ${message.text()} (${message.location().url ?? ''})`);
    }
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && !allowed.includes(origin)) {
      tab.problems.push(`request to a stranger: ${request.url()}`);
    }
  });
  page.on('response', (response) => {
    if (response.request().method() === 'POST' && response.status() === 201) {
      tab.sessions.push(response.headers()['location'] ?? '');
    }
  });
  await page.evaluateOnNewDocument(watchPage);
  return tab;
}
