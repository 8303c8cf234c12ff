/** A viewer behind a NAT that gives him another port in the middle of the broadcast. */
import { expect, onTestFinished, test } from 'vitest';
import { launch } from './lib/browser.mjs';
import { demoFile, startGateway } from './lib/gateway.mjs';
import { firstFrame, follow, observe } from './lib/inpage.mjs';
import { startRelay, useRelay } from './lib/relay.mjs';

test('a viewer whose port changes plays on in the same session', async () => {
  // Always the lean transport: a full peer connection does not follow, and the player has to begin a new session.
  const gateway = await startGateway({
    config: { egress: { transport: 'auto' }, streams: { lobby: { file: demoFile } } },
  });
  onTestFinished(gateway.stop);
  const relay = await startRelay(gateway.media);
  onTestFinished(relay.close);
  const viewer = await launch({ origins: [gateway.origin] });
  onTestFinished(viewer.close);
  const { page, problems, sessions } = await viewer.open(`${gateway.origin}/embed/lobby`, [], (page) =>
    useRelay(page, relay),
  );
  await firstFrame(page);
  expect((await follow(page, 1000)).last, 'frames in a second through the relay').toBeGreaterThan(10);
  expect(relay.received(), 'packets through the relay').toBeGreaterThan(100);

  relay.rebind();
  const { pause, last } = await follow(page, 10_000);
  process.stdout.write(`rebind: ${pause.toFixed(0)} ms without a new frame\n`);
  expect(relay.received(), 'packets that came to the new port').toBeGreaterThan(100);
  expect(last, 'frames in the last second').toBeGreaterThan(10);
  expect((await observe(page, 0)).peers).toBe(1);
  expect(sessions).toHaveLength(1);
  expect(problems).toEqual([]);
});
