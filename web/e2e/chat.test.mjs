/** The chat beside a stream: viewers and a host talk, moderate, and come back, in real browsers with the real gateway. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { choose, has, hides, joined, open, press, shows, texts, write } from './lib/chat.mjs';
import { demoFile, startGateway } from './lib/gateway.mjs';
import { startSite } from './lib/site.mjs';
import { goLive } from './lib/studio.mjs';

/** @typedef {import('./lib/browser.mjs').Browser} Browser */
/** @typedef {import('./lib/browser.mjs').Tab} Tab */

/** The ways that a page has taken into a room. @param {Tab} tab */
const roomsByHTTP = ({ sessions }) => sessions.filter((one) => one.startsWith('/chat/'));

/** Cuts the data channel of the chat under it. @param {Tab} tab */
const cut = ({ page }) =>
  page.evaluate(() => {
    const player = /** @type {import('../src/api.ts').BongsuPlayerElement | null} */ (
      document.querySelector('bongsu-player')
    );
    player?.chatChannel?.close();
  });

/**
 * Has the chat of a page take messages from a channel of our own.
 * @param {import('puppeteer-core').Page} page @param {number} count @param {number} [from]
 */
function flood(page, count, from = 0) {
  return page.evaluate(
    async (many, begin) => {
      const chat = /** @type {any} */ (document.querySelector('bongsu-chat'));
      const person = { id: 'x', name: 'Ada', role: 'viewer' };
      if (begin === 0) {
        const chatChannel = Object.assign(new EventTarget(), {
          readyState: 'open',
          send: () => undefined,
          close: () => undefined,
        });
        chat.source = Object.assign(new EventTarget(), { chatChannel });
        await new Promise((resolve) => setTimeout(resolve, 100));
        const welcome = {
          type: 'welcome',
          you: { ...person, id: 'me' },
          ...{ stream: 'lobby', time: Date.now(), viewers: 2, invited: false, resumed: false, history: 0 },
          settings: { slow: 0, followers: false, pinned: null },
          limits: { text: 500, nickname: 24 },
        };
        chatChannel.dispatchEvent(new MessageEvent('message', { data: JSON.stringify([welcome]) }));
      }
      for (let n = begin; n < begin + many; n += 100) {
        const frame = Array.from({ length: 100 }, (_, i) => ({
          type: 'message',
          id: `01KAW4E9M1T8S0V2X4Z${String(n + i + 1).padStart(7, '0')}`,
          time: Date.now(),
          from: person,
          text: `message ${n + i + 1}${(n + i) % 7 ? '' : ', a longer one that needs several lines in a narrow window '.repeat(3)}`,
        }));
        chat.source.chatChannel.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    },
    count,
    from,
  );
}

describe('a host and two viewers', () => {
  /** @type {import('./lib/gateway.mjs').Gateway} */
  let gateway;
  /** @type {Browser[]} */
  let browsers = [];
  /** @type {Tab} */
  let host;
  /** @type {Tab} */
  let ada;
  /** @type {Tab} */
  let eunha;

  beforeAll(async () => {
    gateway = await startGateway();
    browsers = await Promise.all(
      ['en-US', 'en-US', 'ko-KR'].map((language) => launch({ language, origins: [gateway.origin] })),
    );
    const [first, second, third] = browsers;
    if (!first || !second || !third) {
      throw new Error('no browsers');
    }
    host = await first.open(`${gateway.origin}/publish/lobby`);
    await goLive(host, gateway.origin, 'lobby');
    ada = await second.open(`${gateway.origin}/watch/lobby`);
    eunha = await third.open(`${gateway.origin}/watch/lobby`);
    for (const { page } of [host, ada, eunha]) {
      await joined(page);
    }
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await gateway?.stop();
  });

  test('the host is known as such, and the viewers came by their data channels', async () => {
    await write(host.page, 'Welcome');
    for (const { page } of [host, ada, eunha]) {
      await shows(page, 'Welcome', '.text');
    }
    await shows(ada.page, 'Host', '.badge.broadcaster');
    await shows(eunha.page, '방송자', '.badge.broadcaster');
    expect([...roomsByHTTP(ada), ...roomsByHTTP(eunha)]).toEqual([]);
  });

  test('all see the same, in the same order, and as text', async () => {
    await write(ada.page, '<img src=x onerror=alert(1)> https://example.com/a?b=c.');
    await shows(eunha.page, 'onerror', '.text');
    await write(eunha.page, '안녕하세요');
    await shows(host.page, '안녕하세요', '.text');
    await shows(ada.page, '안녕하세요', '.text');
    const all = await Promise.all([host, ada, eunha].map(({ page }) => texts(page)));
    expect(all[0]).toEqual(['Welcome', '<img src=x onerror=alert(1)> https://example.com/a?b=c.', '안녕하세요']);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    const link = await eunha.page.$eval('bongsu-chat >>> .text a', (one) => ({
      href: one.getAttribute('href'),
      rel: one.getAttribute('rel'),
    }));
    expect(link).toEqual({ href: 'https://example.com/a?b=c', rel: 'noopener noreferrer nofollow ugc' });
  });

  test('a name can be changed, called with its beginning, and seen by whom it calls', async () => {
    await open(eunha.page, 'settings');
    await eunha.page.locator('bongsu-chat >>> #nickname').fill('은하');
    await eunha.page.keyboard.press('Enter');
    await shows(eunha.page, '저장했습니다', 'dialog [role=status]');
    await eunha.page.keyboard.press('Escape');
    await shows(ada.page, 'is now 은하', '.notice-row');
    await ada.page.focus('bongsu-chat >>> .composer textarea');
    await ada.page.keyboard.type('hey @은');
    await has(ada.page, '.names li[aria-selected=true]');
    await ada.page.keyboard.press('Enter');
    await ada.page.keyboard.type('look');
    await ada.page.keyboard.press('Enter');
    await shows(eunha.page, 'hey @은하 look', '.row.called');
    await shows(eunha.page, '@은하', '.mention.me');
  });

  test('a reply quotes, and leads to what it answers', async () => {
    await choose(ada.page, 'Welcome', 'Reply');
    await ada.page.keyboard.type('Thank you');
    await ada.page.keyboard.press('Enter');
    await shows(host.page, 'Welcome', '.row.called .quote');
    await host.page.locator('bongsu-chat >>> .row.called .quote').click();
    await shows(host.page, 'Welcome', '.row.flash .text');
  });

  test('reactions rise', async () => {
    await ada.page.locator('bongsu-chat >>> .reactions button').click();
    await shows(eunha.page, '❤️', '.rising');
  });

  test('who comes later sees what was said', async () => {
    const { page, problems } = await /** @type {Browser} */ (browsers[1]).open(`${gateway.origin}/embed/lobby/chat`);
    await joined(page);
    await shows(page, 'Thank you', '.text');
    expect((await texts(page))[0]).toBe('Welcome');
    expect(problems).toEqual([]);
    await page.close();
  });

  test('the host deletes, pins, slows, silences and clears', async () => {
    await choose(host.page, '안녕하세요', 'Delete');
    await hides(ada.page, '안녕하세요');
    await choose(host.page, 'Thank you', 'Pin');
    await shows(eunha.page, 'Thank you', '.pinned');
    await open(host.page, 'settings');
    await host.page.select('bongsu-chat >>> select', '30');
    await shows(ada.page, 'one message in 30 s', '.notice-row');
    await host.page.select('bongsu-chat >>> select', '0');
    await shows(ada.page, 'Slow mode is off', '.notice-row');
    await host.page.keyboard.press('Escape');
    await choose(host.page, 'hey @은하 look', '10 minutes');
    await hides(eunha.page, 'hey @은하 look');
    await ada.page.waitForFunction(() =>
      /** @type {HTMLTextAreaElement | null | undefined} */ (
        document.querySelector('bongsu-chat')?.shadowRoot?.querySelector('textarea')
      )?.placeholder.includes('silence'),
    );
  });

  test('once it is for invited people only, the link that the host gives lets somebody write', async () => {
    await open(host.page, 'settings');
    await host.page.locator('bongsu-chat >>> .check input').click();
    await shows(eunha.page, '초대를 받은 사람만', '.notice-row');
    await write(eunha.page, '들려요?');
    await shows(eunha.page, '초대를 받은 사람만', '.trouble');
    await press(host.page, '.plain', 'Copy an invitation link');
    await has(host.page, '.link');
    const link = await host.page.$eval(
      'bongsu-chat >>> .link',
      (field) => /** @type {HTMLInputElement} */ (field).value,
    );
    expect(link).toMatch(/\/watch\/lobby#invitation=./);
    await eunha.page.goto('about:blank');
    await eunha.page.goto(link);
    await joined(eunha.page);
    await write(eunha.page, '이제 들려요!');
    await shows(host.page, '이제 들려요!', '.text');
    await host.page.locator('bongsu-chat >>> .check input').click();
    await shows(eunha.page, '누구나 쓸 수', '.notice-row');
    await host.page.keyboard.press('Escape');
  });

  test('somebody who is banned is told, and may come back when that is lifted', async () => {
    await write(eunha.page, 'I am going to be banned');
    await shows(host.page, 'going to be banned', '.text');
    await choose(host.page, 'I am going to be banned', 'Ban 은하');
    await shows(eunha.page, '참여할 수 없습니다', '.state');
    await eunha.page.reload();
    await shows(eunha.page, '참여할 수 없습니다', '.state');
    await open(host.page, 'settings');
    await press(host.page, 'summary', 'Bans and silences');
    await shows(host.page, '은하', 'details .people');
    await host.page.evaluate(() => {
      const rows = [
        ...(document.querySelector('bongsu-chat')?.shadowRoot?.querySelectorAll('details .people li') ?? []),
      ];
      rows
        .find((row) => row.textContent?.includes('은하'))
        ?.querySelector('button')
        ?.click();
    });
    await hides(host.page, '은하', 'details[open] .people');
    await host.page.keyboard.press('Escape');
    await eunha.page.reload();
    await joined(eunha.page);
    expect([...host.problems, ...ada.problems]).toEqual([]);
  });
});

test('who writes too fast is told when to go on, and loses nothing', async () => {
  const gateway = await startGateway({ config: { streams: { lobby: { file: demoFile } } } });
  onTestFinished(gateway.stop);
  const browser = await launch({ origins: [gateway.origin] });
  onTestFinished(browser.close);
  const { page, problems } = await browser.open(`${gateway.origin}/watch/lobby`);
  await joined(page);
  for (let n = 1; n <= 7; n++) {
    await write(page, `message ${n}`);
  }
  await shows(page, 'That was fast', '.trouble');
  const kept = await page.$eval(
    'bongsu-chat >>> textarea',
    (field) => /** @type {HTMLTextAreaElement} */ (field).value,
  );
  expect(kept).toMatch(/^message [67]$/);
  await has(page, '.send:enabled');
  await page.locator('bongsu-chat >>> .send').click();
  await shows(page, kept, '.text');
  expect(problems).toEqual([]);
});

test('after a cut, and after a new start of the server, nothing is missing and nothing comes twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-chat-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const streams = { lobby: { file: demoFile } };
  let gateway = await startGateway({ config: { data: folder, streams } });
  onTestFinished(() => gateway.stop());
  const [one, other] = [await launch({ origins: [gateway.origin] }), await launch({ origins: [gateway.origin] })];
  onTestFinished(one.close);
  onTestFinished(other.close);
  const a = await one.open(`${gateway.origin}/watch/lobby`);
  const b = await other.open(`${gateway.origin}/embed/lobby/chat`);
  await joined(a.page);
  await joined(b.page);
  await write(b.page, 'before');
  await shows(a.page, 'before', '.text');

  await cut(a);
  await write(b.page, 'meanwhile');
  await shows(a.page, 'meanwhile', '.text');
  await joined(a.page);
  await write(a.page, 'back again');
  await shows(b.page, 'back again', '.text');
  await shows(a.page, 'back again', '.text');
  expect(await texts(a.page)).toEqual(['before', 'meanwhile', 'back again']);

  await gateway.stop();
  await a.page.waitForFunction(() => document.querySelector('bongsu-chat')?.state === 'waiting');
  const listen = new URL(gateway.origin).host;
  gateway = await startGateway({ config: { data: folder, listen, udp: `127.0.0.1:${gateway.media}`, streams } });
  await joined(b.page);
  await write(b.page, 'after');
  await shows(a.page, 'after', '.text');
  await joined(a.page);
  await write(a.page, 'all here');
  await shows(b.page, 'all here', '.text');
  await shows(a.page, 'all here', '.text');
  const whole = ['before', 'meanwhile', 'back again', 'after', 'all here'];
  expect(await texts(a.page)).toEqual(whole);
  expect(await texts(b.page)).toEqual(whole);
});

test('of ten thousand messages only those in sight are in the page, and the reader keeps the place', async () => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const browser = await launch({ origins: [gateway.origin] });
  onTestFinished(browser.close);
  const { page, problems } = await browser.open(`${gateway.origin}/embed/lobby/chat`);
  await joined(page);
  await flood(page, 10_000);
  await shows(page, 'message 10000', '.text');
  expect((await texts(page)).length).toBeLessThan(60);

  // Somebody who has scrolled up is not moved by what comes, and is told of it.
  await page.evaluate(() =>
    document.querySelector('bongsu-chat')?.shadowRoot?.querySelector('.scroller')?.scrollBy(0, -4000),
  );
  await has(page, '.latest');
  const place = () =>
    page.evaluate(() => {
      const root = document.querySelector('bongsu-chat')?.shadowRoot;
      const edge = root?.querySelector('.scroller')?.getBoundingClientRect().top ?? 0;
      const rows = [...(root?.querySelectorAll('.row') ?? [])];
      const first = rows.find((row) => row.getBoundingClientRect().bottom > edge);
      return [first?.querySelector('.text')?.textContent, Math.round((first?.getBoundingClientRect().top ?? 0) - edge)];
    });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const before = await place();
  await flood(page, 300, 10_000);
  await shows(page, '300 new messages', '.latest');
  expect(await place()).toEqual(before);
  expect((await texts(page)).length).toBeLessThan(60);

  await page.locator('bongsu-chat >>> .latest').click();
  await shows(page, 'message 10300', '.text');

  // The arrow keys walk through all of them, and the focus is not lost where rows go.
  await page.focus('bongsu-chat >>> .scroller');
  await page.keyboard.press('Home');
  await shows(page, 'message 501', '.row:focus .text');
  await page.keyboard.press('ArrowDown');
  await shows(page, 'message 502', '.row:focus .text');
  await page.evaluate(() =>
    document.querySelector('bongsu-chat')?.shadowRoot?.querySelector('.scroller')?.scrollBy(0, 90_000),
  );
  await page.waitForFunction(
    () => document.querySelector('bongsu-chat')?.shadowRoot?.activeElement?.className === 'scroller',
  );
  await page.keyboard.press('End');
  await shows(page, 'message 10300', '.row:focus .text');
  expect(problems).toEqual([]);
});

test('for OBS there are words upon nothing', async () => {
  const gateway = await startGateway();
  onTestFinished(gateway.stop);
  const browser = await launch({ origins: [gateway.origin] });
  onTestFinished(browser.close);
  const writer = await browser.open(`${gateway.origin}/embed/lobby/chat`);
  await joined(writer.page);
  const { page, problems } = await browser.open(`${gateway.origin}/embed/lobby/chat?transparent=1&size=40`);
  await page.waitForFunction(() => document.querySelector('bongsu-chat')?.state === 'open');
  await writer.page.bringToFront();
  await write(writer.page, 'Hello stream');
  await page.bringToFront(); // a tab behind another is not drawn
  await shows(page, 'Hello stream', '.text');
  const seen = await page.evaluate(() => {
    const root = document.querySelector('bongsu-chat')?.shadowRoot;
    const text = root?.querySelector('.row .text');
    const scroller = root?.querySelector('.scroller');
    return {
      size: text && getComputedStyle(text).fontSize,
      backgrounds: [document.documentElement, document.body, document.querySelector('bongsu-chat')].map(
        (one) => one && getComputedStyle(one).backgroundColor,
      ),
      buttons: root?.querySelectorAll('button, textarea').length,
      bar: scroller && /** @type {HTMLElement} */ (scroller).offsetWidth - scroller.clientWidth,
      fromBelow: scroller && text && scroller.getBoundingClientRect().bottom - text.getBoundingClientRect().bottom < 60,
    };
  });
  const nothing = 'rgba(0, 0, 0, 0)';
  expect(seen).toEqual({ size: '40px', backgrounds: [nothing, nothing, nothing], buttons: 0, bar: 0, fromBelow: true });
  expect([...problems, ...writer.problems]).toEqual([]);
});

test('on another site, and over a WebSocket, it is the same room', async () => {
  const gateway = await startGateway({ config: { streams: { lobby: { file: demoFile } } } });
  onTestFinished(gateway.stop);
  const site = await startSite({
    '/page': `<script type="module" src="${gateway.origin}/player.js"></script>
      <bongsu-chat src="${gateway.origin}/whep/lobby" name="Visitor" style="height: 30rem"></bongsu-chat>`,
  });
  onTestFinished(site.close);
  const [one, other] = [await launch(), await launch()];
  onTestFinished(one.close);
  onTestFinished(other.close);
  const visitor = await one.open(`${site.origin}/page`, [gateway.origin]);
  const socket = await other.open(`${gateway.origin}/embed/lobby/chat`);
  await joined(visitor.page);
  await joined(socket.page);
  const before = roomsByHTTP(socket).length;
  await socket.page.evaluate(() => document.querySelector('bongsu-chat')?.setAttribute('signaling', 'ws'));
  await joined(socket.page);
  await write(visitor.page, 'from another site');
  await shows(socket.page, 'from another site', '.text');
  await write(socket.page, 'over a WebSocket');
  await shows(visitor.page, 'over a WebSocket', '.text');
  await shows(socket.page, 'Visitor', '.name');
  expect(roomsByHTTP(socket)).toHaveLength(before);
  expect([...visitor.problems, ...socket.problems]).toEqual([]);
});

test('a server without chat has no pane', async () => {
  const gateway = await startGateway({ config: { chat: { enabled: false }, streams: { lobby: { file: demoFile } } } });
  onTestFinished(gateway.stop);
  const browser = await launch({ origins: [gateway.origin] });
  onTestFinished(browser.close);
  const { page } = await browser.open(`${gateway.origin}/watch/lobby`);
  await page.waitForFunction(() => document.querySelector('chat-pane')?.hasAttribute('hidden'));
  await page.waitForFunction(() => document.querySelector('bongsu-player')?.state === 'live');
});
