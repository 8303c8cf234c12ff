/** A viewer and a broadcaster whose network lets no UDP through: the media goes over TCP, by itself. */
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { expectShow } from './lib/expect.mjs';
import { demoFile, startGateway } from './lib/gateway.mjs';
import { goLive } from './lib/studio.mjs';

/** A browser without UDP, as by the policy of a company. The second is the flag's older name. */
const blocked = ['--webrtc-ip-handling-policy', '--force-webrtc-ip-handling-policy'].map(
  (flag) => `${flag}=disable_non_proxied_udp`,
);

for (const transport of ['auto', 'pc']) {
  test(`a viewer without UDP sees and hears the broadcast (transport ${transport})`, async () => {
    const gateway = await startGateway({ config: { egress: { transport }, streams: { lobby: { file: demoFile } } } });
    onTestFinished(gateway.stop);
    const viewer = await launch({ origins: [gateway.origin], flags: blocked });
    onTestFinished(viewer.close);
    const { page, problems, sessions } = await viewer.open(`${gateway.origin}/embed/lobby`, [], notePeers);
    await expectShow(page);
    expect(await protocols(page)).toEqual(['tcp']);
    expect(sessions).toHaveLength(1);
    expect(problems).toEqual([]);
  });
}

test('a broadcaster without UDP is seen by viewers', async () => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const [studio, viewer] = await Promise.all([
    launch({ origins: [gateway.origin], flags: blocked }),
    launch({ origins: [gateway.origin] }),
  ]);
  onTestFinished(studio.close);
  onTestFinished(viewer.close);
  const tab = await studio.open(`${gateway.origin}/publish/lobby`, [], notePeers);
  await goLive(tab, gateway.origin, 'lobby');
  expect(await protocols(tab.page)).toEqual(['tcp']);
  const { page, problems } = await viewer.open(`${gateway.origin}/embed/lobby`, [], notePeers);
  await expectShow(page);
  expect(await protocols(page)).toEqual(['udp']);
  expect([...tab.problems, ...problems]).toEqual([]);
});

/**
 * Has a page remember its peer connections. Call it before the navigation.
 * @param {import('puppeteer-core').Page} page
 */
async function notePeers(page) {
  await page.evaluateOnNewDocument(() => {
    const Native = globalThis.RTCPeerConnection;
    /** @type {RTCPeerConnection[]} */
    const peers = [];
    Object.defineProperty(globalThis, 'notedPeers', { value: peers });
    globalThis.RTCPeerConnection = class extends Native {
      /** @param {RTCConfiguration} [configuration] */
      constructor(configuration) {
        super(configuration);
        peers.push(this);
      }
    };
  });
}

/**
 * What the media of a page goes over.
 * @param {import('puppeteer-core').Page} page
 * @returns {Promise<string[]>} of each connection: "udp" or "tcp"
 */
function protocols(page) {
  return page.evaluate(async () => {
    const { notedPeers } = /** @type {{ notedPeers: RTCPeerConnection[] }} */ (/** @type {unknown} */ (globalThis));
    const all = [];
    for (const peer of notedPeers) {
      const stats = await peer.getStats();
      for (const report of stats.values()) {
        if (report.type === 'transport' && report.selectedCandidatePairId) {
          const pair = stats.get(report.selectedCandidatePairId);
          all.push(stats.get(pair.localCandidateId).protocol);
        }
      }
    }
    return all;
  });
}
