/** Broadcasting and watching with the signaling over a WebSocket, which breaks, and comes back. */
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';
import { expectShow } from './lib/expect.mjs';
import { demoFile, startGateway } from './lib/gateway.mjs';
import { follow, observe } from './lib/inpage.mjs';
import { startRelay, useRelay } from './lib/relay.mjs';
import { startSite } from './lib/site.mjs';
import { goLive, streamState } from './lib/studio.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

/**
 * A WebSocket that a page has opened, and the messages of both sides.
 * @typedef {{ url: string, sent: Message[], heard: Message[] }} Socket
 * @typedef {{ type: string, id?: string, sessions?: string[], about?: string }} Message
 */

/**
 * Notes the sockets of pages. Give the result to `open`, which calls it before the navigation.
 * @param {Socket[]} sockets
 * @returns {(page: Page) => Promise<void>}
 */
const noteSockets = (sockets) => async (page) => {
  const client = await page.createCDPSession();
  await client.send('Network.enable');
  /** @type {Map<string, Socket>} */
  const byId = new Map();
  client.on('Network.webSocketCreated', ({ requestId, url }) => {
    const socket = { url, sent: [], heard: [] };
    byId.set(requestId, socket);
    sockets.push(socket);
  });
  client.on('Network.webSocketFrameSent', ({ requestId, response }) => {
    byId.get(requestId)?.sent.push(JSON.parse(response.payloadData));
  });
  client.on('Network.webSocketFrameReceived', ({ requestId, response }) => {
    byId.get(requestId)?.heard.push(JSON.parse(response.payloadData));
  });
};

/** @param {Message[]} [messages] */
const types = (messages = []) => messages.map(({ type }) => type);

/** Whether a Location is of WHIP or WHEP. @param {string} location */
const bySession = (location) => location.startsWith('/session/');

/** @param {string} origin */
const portOf = (origin) => Number(new URL(origin).port);

/** @param {string} origin @param {string} name @param {number} count */
const expectViewers = (origin, name, count) =>
  expect.poll(async () => (await streamState(origin, name, 'live')).viewers, { timeout: 10_000 }).toBe(count);

/** Waits until the picture moves again. @param {Page} page */
const expectMoving = (page) =>
  expect.poll(async () => (await observe(page, 500)).frames, { timeout: 30_000 }).toBeGreaterThan(3);

for (const transport of ['auto', 'pc']) {
  test(`a broadcast and its viewer go on in the same sessions when their sockets break (transport ${transport})`, async () => {
    const gateway = await startGateway({ config: { egress: { transport } } });
    onTestFinished(gateway.stop);
    const cable = await layCable(portOf(gateway.origin));
    onTestFinished(cable.close);
    const [publisher, viewer] = await Promise.all([launch({ origins: [cable.origin] }), launch()]);
    onTestFinished(publisher.close);
    onTestFinished(viewer.close);
    /** @type {[sending: Socket[], watching: Socket[]]} */
    const [sending, watching] = [[], []];
    const studio = await publisher.open(`${cable.origin}/publish/lobby?signaling=ws`, [], noteSockets(sending));
    await goLive(studio, gateway.origin, 'lobby');
    const { page, problems, sessions } = await viewer.open(
      `${cable.origin}/embed/lobby?signaling=ws`,
      [],
      noteSockets(watching),
    );
    const before = await expectShow(page);
    expect([...sessions, ...studio.sessions].filter(bySession), 'sessions by HTTP').toEqual([]);
    expect(watching.map(({ url }) => url)).toEqual([`${cable.origin.replace('http', 'ws')}/signal`]);
    expect(types(sending[0]?.sent)).toContain('publish');

    cable.cut();
    const { pause } = await follow(page, 3000);
    expect(pause, 'longest time without a frame, ms').toBeLessThan(500);
    for (const sockets of [watching, sending]) {
      expect(sockets).toHaveLength(2);
      expect(types(sockets[1]?.sent)[0]).toBe('hello');
      expect(sockets[1]?.heard.find(({ sessions }) => sessions)?.sessions).toHaveLength(1);
    }
    const after = await expectShow(page);
    expect([after.peers, after.ssrcs]).toEqual([1, before.ssrcs]);
    expect(problems).toEqual([]);
    expect(
      studio.problems.filter((one) => one.startsWith('script')),
      'what else the cut breaks may be told',
    ).toEqual([]);

    // The new sockets are good for something: each session ends at the server when its page says so.
    await expectViewers(gateway.origin, 'lobby', 1);
    await page.evaluate(() => document.querySelector('bongsu-player')?.close());
    await expectViewers(gateway.origin, 'lobby', 0);
    await studio.page.locator('#stop').click();
    await streamState(gateway.origin, 'lobby', 'offline');
    await expect.poll(() => types(sending[1]?.heard)).toContain('bye');
  });
}

test('a viewer whose network has gone, for the media and for the socket, finds another path in the same session', async () => {
  const gateway = await startGateway({ config: { streams: { lobby: { file: demoFile } } } });
  onTestFinished(gateway.stop);
  const cable = await layCable(portOf(gateway.origin));
  onTestFinished(cable.close);
  const relay = await startRelay(gateway.media);
  onTestFinished(relay.close);
  const viewer = await launch({ origins: [cable.origin] });
  onTestFinished(viewer.close);
  /** @type {Socket[]} */
  const sockets = [];
  const { page, problems } = await viewer.open(`${cable.origin}/embed/lobby?signaling=ws`, [], async (page) => {
    await useRelay(page, relay);
    await noteSockets(sockets)(page);
  });
  const before = await expectShow(page);

  cable.freeze();
  relay.block(true);
  const state = () => page.evaluate(() => document.querySelector('bongsu-player')?.peerConnection?.connectionState);
  await expect.poll(state, { timeout: 20_000 }).toBe('disconnected');
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // the player looks after it
  await expect.poll(() => types(sockets[1]?.heard), { timeout: 10_000 }).toContain('restart');
  relay.block(false);
  await expect.poll(state, { timeout: 10_000 }).toBe('connected');
  await expectMoving(page);
  const after = await expectShow(page);
  expect([after.peers, after.ssrcs]).toEqual([1, before.ssrcs]);
  expect(sockets, 'the dead one was found out').toHaveLength(2);
  expect(problems).toEqual([]);
});

test('a broadcast and its viewer come back when the gateway was restarted', async () => {
  const first = await startGateway();
  let gateway = first;
  onTestFinished(() => gateway.stop());
  const cable = await layCable(portOf(first.origin));
  onTestFinished(cable.close);
  const [publisher, viewer] = await Promise.all([launch({ origins: [cable.origin] }), launch()]);
  onTestFinished(publisher.close);
  onTestFinished(viewer.close);
  /** @type {Socket[]} */
  const watching = [];
  const studio = await publisher.open(`${cable.origin}/publish/lobby?signaling=ws`);
  await goLive(studio, first.origin, 'lobby');
  const { page, sessions } = await viewer.open(`${cable.origin}/embed/lobby?signaling=ws`, [], noteSockets(watching));
  await expectShow(page);

  await first.stop();
  gateway = await startGateway();
  cable.target = portOf(gateway.origin);
  await streamState(gateway.origin, 'lobby', 'live');
  await expectMoving(page);
  expect(sessions).toEqual([]);
  expect(
    watching.flatMap(({ heard }) => heard).some(({ about }) => about === 'hello'),
    'could not be resumed',
  ).toBe(true);
});

test('players of a page on another site share a socket', async () => {
  /** @type {Record<string, string>} */
  const pages = {};
  const site = await startSite(pages);
  onTestFinished(site.close);
  const config = { origins: [site.origin], streams: { lobby: { file: demoFile }, hall: { file: demoFile } } };
  const gateway = await startGateway({ config });
  onTestFinished(gateway.stop);
  const player = (/** @type {string} */ name) =>
    `<bongsu-player src="${gateway.origin}/whep/${name}" signaling="ws" autoplay muted controls></bongsu-player>`;
  pages['/two'] =
    `<script type="module" src="${gateway.origin}/player.js"></script>${player('lobby')}${player('hall')}`;
  const viewer = await launch();
  onTestFinished(viewer.close);
  /** @type {Socket[]} */
  const sockets = [];
  const { page, problems, sessions } = await viewer.open(`${site.origin}/two`, [gateway.origin], noteSockets(sockets));
  const live = () =>
    page.evaluate(() => [...document.querySelectorAll('bongsu-player')].filter(({ state }) => state === 'live').length);
  await expect.poll(live, { timeout: 20_000 }).toBe(2);
  expect(sockets).toHaveLength(1);
  expect(sockets[0]?.sent.filter(({ type }) => type === 'play')).toHaveLength(2);
  expect(sessions).toEqual([]);

  const gone = () => page.evaluate(() => document.querySelector('bongsu-player')?.remove());
  await gone();
  await expectViewers(gateway.origin, 'lobby', 0);
  expect(await live()).toBe(1);
  await gone();
  await expectViewers(gateway.origin, 'hall', 0);
  expect(sockets).toHaveLength(1);
  expect(problems).toEqual([]);
});
