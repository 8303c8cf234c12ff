/** The chat in its main states: pictures to look at, in e2e/out. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { capture } from './lib/capture.mjs';
import { choose, has, joined, menu, open, shows, write } from './lib/chat.mjs';
import { root, startGateway } from './lib/gateway.mjs';
import { goLive } from './lib/studio.mjs';

/** @typedef {import('puppeteer-core').Page} Page */

/** Takes a name. @param {Page} page @param {string} name */
async function call(page, name) {
  await open(page, 'settings');
  await page.locator('bongsu-chat >>> #nickname').fill(name);
  await page.keyboard.press('Enter');
  await shows(page, name, '.notice-row');
  await page.keyboard.press('Escape');
}

/** Begins with a name, and completes it. @param {Page} page @param {string} begin @param {string} rest */
async function mention(page, begin, rest) {
  await page.focus('bongsu-chat >>> .composer textarea');
  await page.keyboard.type(begin);
  await has(page, '.names li');
  await page.keyboard.press('Enter');
  await page.keyboard.type(rest);
}

const words = /** @type {const} */ ({
  en: {
    names: ['Mina', 'Grace Hopper'],
    link: 'The programme: https://example.com/tonight',
    reply: 'Reply',
    hello: 'how nice to see you',
    pin: 'Pin',
    silence: '10 minutes',
    long: 'A long message that goes on for a while, because somebody has a lot to say about what is seen here, and would not stop at the end of the line.',
  },
  ko: {
    names: ['미나', '홍길동'],
    link: '순서: https://example.com/tonight',
    reply: '답장',
    hello: '반가워요',
    pin: '고정',
    silence: '10분',
    long: '할 말이 아주 많은 사람이 쓴 긴 메시지입니다. 화면에 보이는 것에 대해 이야기하다 보니 한 줄로는 도무지 끝나지 않아서 여러 줄에 걸쳐 이어집니다.',
  },
});

test.each(/** @type {const} */ (['en', 'ko']))('screens of the chat in %s', { timeout: 180_000 }, async (language) => {
  const { names, link, reply, hello, pin, silence, long } = words[language];
  const gateway = await startGateway();
  onTestFinished(() => gateway.stop().catch(() => undefined));
  const [one, other] = [
    await launch({ language, origins: [gateway.origin] }),
    await launch({ language, origins: [gateway.origin] }),
  ];
  onTestFinished(one.close);
  onTestFinished(other.close);
  const host = (await one.open(`${gateway.origin}/publish/lobby`)).page;
  await goLive({ page: host, problems: [], sessions: [] }, gateway.origin, 'lobby');
  await joined(host);
  const viewer = (await other.open(`${gateway.origin}/watch/lobby`)).page;
  await joined(viewer);
  await capture(viewer, 'chat-empty', language);

  await call(host, names[0]);
  await call(viewer, names[1]);
  await write(host, link);
  await shows(viewer, link, '.text');
  await write(viewer, long);
  await shows(host, long, '.text');
  await choose(host, long, reply);
  await mention(host, `@${names[1].slice(0, 1)}`, `${hello} 😀`);
  await host.keyboard.press('Enter');
  await shows(viewer, hello, '.row.called .text');
  await choose(host, link, pin);
  await has(viewer, '.pinned');
  await viewer.setViewport({ width: 1280, height: 800 });
  await viewer.locator('bongsu-chat >>> .reactions button').click();
  await capture(viewer, 'chat-talk', language);
  await capture(host, 'chat-host', language);

  await mention(viewer, `${hello} @${names[0].slice(0, 1)}`, '!'.repeat(460));
  await capture(viewer, 'chat-writing', language, { fullPage: false });
  expect(await viewer.$('bongsu-chat >>> .latest'), 'a field that grows has not moved the list').toBeNull();
  await viewer.keyboard.down('Control');
  await viewer.keyboard.press('a');
  await viewer.keyboard.up('Control');
  await viewer.keyboard.press('Backspace');

  await open(host, 'settings');
  await capture(host, 'chat-settings', language, { fullPage: false });
  await host.keyboard.press('Escape');
  await open(host, 'people');
  await shows(host, names[1], '.people');
  await capture(host, 'chat-people', language, { fullPage: false });
  await host.keyboard.press('Escape');
  await host.evaluate(() => document.querySelector('chat-pane')?.scrollIntoView({ block: 'center' }));
  await host.evaluate((text) => {
    const rows = [...(document.querySelector('bongsu-chat')?.shadowRoot?.querySelectorAll('.row') ?? [])];
    rows
      .find((row) => row.querySelector('.text')?.textContent === text)
      ?.querySelector('button')
      ?.focus();
  }, long);
  await capture(host, 'chat-row', language, { fullPage: false });

  for (const width of [1280, 360]) {
    await host.setViewport({ width, height: 800 });
    await host.evaluate(() => document.querySelector('chat-pane')?.scrollIntoView({ block: 'center' }));
    await menu(host, long);
    await host.screenshot({ path: join(root, `web/e2e/out/chat-menu-${language}-${width}.png`) });
    await host.keyboard.press('Escape');
  }

  const overlay = (await other.open(`${gateway.origin}/embed/lobby/chat?transparent=1&size=28`)).page;
  await shows(overlay, long, '.text');
  await overlay.addStyleTag({
    content: 'html { background: repeating-linear-gradient(45deg, #4a7 0 4rem, #eec 4rem 8rem) !important }',
  });
  await capture(overlay, 'chat-overlay', language);
  await overlay.close();

  await viewer.bringToFront();
  await choose(host, long, silence);
  await has(viewer, '.wait');
  await capture(viewer, 'chat-silenced', language, { fullPage: false });
  const alone = (await other.open(`${gateway.origin}/embed/lobby/chat`)).page;
  await joined(alone);
  await capture(alone, 'chat-alone', language);
  await gateway.stop();
  await has(alone, '.state p');
  await capture(alone, 'chat-lost', language);
  expect(await alone.evaluate(() => document.querySelector('bongsu-chat')?.state)).not.toBe('open');
});
