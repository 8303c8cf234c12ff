/** Streams that come from files: the configuration's, and the demo's from a cold start. */
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { expectShow } from './lib/expect.mjs';
import { demoFile, startGateway } from './lib/gateway.mjs';
import { firstFrame, observe } from './lib/inpage.mjs';

test('an H.264 file is seen and heard', async () => {
  const gateway = await startGateway({ config: { streams: { lobby: { file: demoFile } } } });
  onTestFinished(gateway.stop);
  const viewer = await launch({ origins: [gateway.origin] });
  onTestFinished(viewer.close);
  for (const kind of ['watch', 'embed']) {
    const { page, problems } = await viewer.open(`${gateway.origin}/${kind}/lobby`);
    await expectShow(page);
    expect(problems).toEqual([]);
    await page.close();
  }
});

test('a browser that wants a click for sound gets one', async () => {
  const gateway = await startGateway({ demo: true });
  onTestFinished(gateway.stop);
  const viewer = await launch({ gesture: true });
  onTestFinished(viewer.close);
  const { page, problems } = await viewer.open(`${gateway.origin}/watch/demo`);
  await firstFrame(page);
  expect(await observe(page, 500)).toMatchObject({ muted: true, audioEnergy: 0 });
  await page.locator('bongsu-player >>> [part=big-button]').click();
  await expectShow(page);
  expect(problems).toEqual([]);
});

test('the demo from a cold start', async () => {
  const viewer = await launch();
  onTestFinished(viewer.close);
  const gateway = await startGateway({ demo: true });
  onTestFinished(gateway.stop);
  const address = /http:\S+\/watch\/\S+/.exec(gateway.output())?.[0];
  expect(address, 'the address that is printed').toBeDefined();
  const { page, problems } = await viewer.open(String(address));
  const { posted, shown } = await firstFrame(page);
  process.stdout.write(
    `demo from a cold start: server ready in ${gateway.startedIn.toFixed(0)} ms, first frame ${shown.toFixed(0)} ms ` +
      `after the page was asked for (${(shown - posted).toFixed(0)} ms after the POST)\n`,
  );
  await expectShow(page);
  expect(problems).toEqual([]);
});
