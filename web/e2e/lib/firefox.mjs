/** Firefox, when it is installed. Debian's has no H.264. */
import { access, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { browser } from './browser.mjs';

const executable = process.env['FIREFOX'] ?? '/usr/bin/firefox-esr';

const preferences = {
  'media.autoplay.default': 0, // allowed
  'media.autoplay.blocking_policy': 0,
  'media.cubeb.force_mock_context': true, // sound plays on without a sound card
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.gmp-manager.updateEnabled': false, // nothing is fetched from the network
  'media.gmp-provider.enabled': false,
};

/** Tells whether there is a Firefox to launch; otherwise how to get one. */
export async function missingFirefox() {
  try {
    await access(executable);
    return '';
  } catch {
    return `Firefox is left out: there is no ${executable}. Install it with "apt-get install firefox-esr", or name one in FIREFOX.`;
  }
}

/**
 * Starts Firefox, driven by WebDriver BiDi.
 * @param {{ origins?: string[] }} [options] origins: those with the right to capture, by which Firefox also offers its loopback address
 * @returns {Promise<import('./browser.mjs').Browser>}
 */
export async function launchFirefox({ origins = [] } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'bongsu-firefox-'));
  const puppet = await puppeteer.launch({
    browser: 'firefox',
    executablePath: executable,
    userDataDir: profile,
    protocolTimeout: 30_000,
    defaultViewport: { width: 1280, height: 800 },
    extraPrefsFirefox: { ...preferences, 'permissions.manager.defaultsUrl': rights(origins) },
  });
  return browser(puppet, profile);
}

/**
 * BiDi can't grant the camera; the file of permissions that a new profile begins with can.
 * @param {string[]} origins
 */
function rights(origins) {
  const lines = origins.map((origin) => `origin\tcamera\t1\t${origin}\n`);
  return `data:text/plain,${encodeURIComponent(lines.join(''))}`;
}
