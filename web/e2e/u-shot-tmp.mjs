import { launch } from './lib/browser.mjs';
import { choose, joined, open, shows, texts, write } from './lib/chat.mjs';
import { startGateway } from './lib/gateway.mjs';
import { goLive } from './lib/studio.mjs';

const out = '/tmp/u-7k2/';
const gateway = await startGateway({});
const wait = (n) => new Promise((r) => setTimeout(r, n));
try {
  const a = await launch({ origins: [gateway.origin] });
  const b = await launch({ origins: [gateway.origin], language: 'ko-KR' });
  try {
    const ta = await a.open(`${gateway.origin}/publish/lobby`);
    await goLive(ta, gateway.origin, 'lobby');
    await joined(ta.page);
    const tb = await b.open(`${gateway.origin}/watch/lobby`);
    await tb.page.evaluateOnNewDocument(() => {
      const S = RTCDataChannel.prototype;
      window.log = [];
      const N = globalThis.RTCPeerConnection;
    });
    await joined(tb.page);
    await write(tb.page, 'ban me');
    await shows(ta.page, 'ban me');
    await tb.page.evaluate(() => {
      const c = document.querySelector('bongsu-player').chatChannel;
      window.log = [];
      c.addEventListener('message', (e) => window.log.push(e.data));
      c.addEventListener('close', () => window.log.push('close'));
    });
    await choose(ta.page, 'ban me', 'Ban ');
    await wait(2000);
    console.log(
      await tb.page.evaluate(() => [
        window.log,
        document.querySelector('bongsu-chat').state,
        document.querySelector('bongsu-chat').reason,
        document.querySelector('bongsu-chat').shadowRoot.querySelector('.state').textContent,
      ]),
    );
    console.log(tb.sessions, tb.problems);
    await tb.page.screenshot({ path: out + 'banned.png' });
    await ta.page.screenshot({ path: out + 'publish.png', fullPage: true });
    await tb.page.reload();
    await wait(4000);
    console.log(
      await tb.page.evaluate(() => [
        window.log,
        document.querySelector('bongsu-chat').state,
        document.querySelector('bongsu-chat').reason,
        document.querySelector('bongsu-chat').shadowRoot.querySelector('.state').textContent,
      ]),
    );
    console.log(tb.sessions, tb.problems);
  } finally {
    await a.close();
    await b.close();
  }
} finally {
  await gateway.stop().catch((e) => console.log(e.message));
}
