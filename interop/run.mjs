/**
 * Tries real clients against the gateway: node interop/run.mjs [WORD ...]. With words, such as "gstreamer H264", only the
 * broadcasts whose description has them all. It prints a line for each client; the exit status is 1 if anything failed.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { startGateway } from '../web/e2e/lib/gateway.mjs';
import { cases } from './cases.mjs';
import { clients } from './clients.mjs';
import { joinGuest } from './guest.mjs';
import * as chat from './talk.mjs';
import { complaints } from './verdict.mjs';

/** Frames that a player has to see: two seconds at the picture's rate. */
const frames = 40;

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => process.exit(1)); // by which what was started ends, too
}
const all = clients();
const words = process.argv.slice(2);
const wanted = cases().filter((broadcast) => words.every((word) => describe(broadcast).includes(word)));

/** @type {Partial<Record<'auto' | 'pc', import('../web/e2e/lib/gateway.mjs').Gateway>>} */
const gateways = {};
let failures = 0;
const began = performance.now();
try {
  for (const [i, broadcast] of wanted.entries()) {
    const { transport } = broadcast;
    gateways[transport] ??= await startGateway({ config: { egress: { transport } } });
    await run(broadcast, `interop-${i}`, gateways[transport]);
  }
} finally {
  await Promise.all(Object.values(all).map((client) => client.close()));
  for (const gateway of Object.values(gateways)) {
    await gateway.stop();
  }
}
const seconds = Math.round((performance.now() - began) / 1000);
if (wanted.length === 0) {
  print(`There is no broadcast with ${words.join(' and ')}.`);
} else if (failures > 0) {
  print(`${failures} failed, after ${seconds} s.`);
} else {
  print(`All clients work with the gateway. It took ${seconds} s.`);
}
process.exitCode = failures > 0 || wanted.length === 0 ? 1 : 0;

/**
 * Publishes a broadcast, and has it played by two players at a time.
 * @param {import('./cases.mjs').Broadcast} broadcast
 * @param {string} stream
 * @param {import('../web/e2e/lib/gateway.mjs').Gateway} gateway
 */
async function run(broadcast, stream, gateway) {
  const { publisher, codec, talk } = broadcast;
  const options = { ...broadcast.options, ...(talk && { talk: chat.nameOf(publisher, true) }) };
  const cells = [publisher, 'publish', codec, ways(options)];
  const log = () => logOf(gateway, stream);
  /** @type {import('./clients.mjs').Publication | undefined} */
  let publication;
  try {
    publication = await all[publisher]?.publish(gateway.origin, stream, codec, options);
    await received(gateway.origin, stream, ['opus', codec]);
    row([], cells, log);
  } catch (error) {
    row([String(error)], cells, log);
    await publication?.stop().catch(() => undefined);
    return;
  }
  const { data = [] } = publication ?? {};
  const players = [...broadcast.players];
  const work = async () => {
    for (let next = players.shift(); next; next = players.shift()) {
      await play(broadcast, next, data, gateway.origin, stream, log);
    }
  };
  const playing = () => Promise.all([work(), work()]);
  await (talk ? withGuest(broadcast, gateway.origin, stream, log, playing) : playing());
  await publication?.stop().catch((error) => row([String(error)], cells, log));
}

/**
 * Has a guest in the stream's chat, by HTTP, while something is done.
 * @param {import('./cases.mjs').Broadcast} broadcast
 * @param {string} origin
 * @param {string} stream
 * @param {() => string} log
 * @param {() => Promise<unknown>} done
 */
async function withGuest({ publisher, codec, players }, origin, stream, log, done) {
  const cells = ['fetch', 'chat', codec, `from ${publisher}`];
  try {
    const guest = await joinGuest(origin, stream, chat.guest);
    await done();
    const wanted = chat.all(
      publisher,
      players.map(({ player }) => player),
    );
    const talk = await guest.leave(wanted.length);
    row(chat.guestComplaints(talk, wanted), [...cells, `${talk.heard.length} messages by SSE`], log);
  } catch (error) {
    row([String(error)], cells, log);
  }
}

/**
 * @param {import('./cases.mjs').Broadcast} broadcast
 * @param {{ player: string, options: import('./clients.mjs').Options }} viewer
 * @param {import('./page_talk.mjs').Digest[]} sent
 * @param {string} origin
 * @param {string} stream
 * @param {() => string} log
 */
async function play({ publisher, codec, transport, talk }, viewer, sent, origin, stream, log) {
  const { player } = viewer;
  const data = chat.dataFor(player, sent).length;
  const options = { ...viewer.options, ...(talk && { talk: chat.nameOf(player), data }) };
  const cells = [player, 'play', codec, `from ${publisher}`];
  const how = [ways(options), transport === 'pc' ? 'peer connection' : ''].filter(Boolean).join(', ');
  try {
    const report = await all[player]?.play(origin, stream, frames, options);
    if (report) {
      const { numbers, first, error, pitch } = report;
      const seen = `${report.frames} frames, ${numbers.join(' to ')}`;
      const values = [seen, `error ${error}`, `${pitch} Hz`, `first frame ${first} ms`, how];
      const heard = report.talk ? chat.playerComplaints(report.talk, publisher, player, sent) : [];
      row([...complaints(report, frames), ...heard], [...cells, ...values], log);
    }
  } catch (error) {
    row([String(error)], [...cells, how], log);
  }
}

/**
 * Prints a line of the table, and below it what is wrong.
 * @param {string[]} wrong
 * @param {string[]} cells
 * @param {() => string} log of the gateway
 */
function row(wrong, cells, log) {
  const widths = [4, 9, 7, 4, 15, 26, 9, 6, 20];
  const line = [wrong.length > 0 ? 'FAIL' : 'ok', ...cells].map((cell, i) => cell.padEnd(widths[i] ?? 0));
  print(line.join('  ').trimEnd());
  if (wrong.length > 0) {
    failures++;
    print(`${wrong.join('\n')}\nThe gateway's log of it:\n${log()}`);
  }
}

/**
 * Waits until the gateway receives these codecs.
 * @param {string} origin
 * @param {string} stream
 * @param {string[]} codecs
 */
async function received(origin, stream, codecs) {
  const late = performance.now() + 20_000;
  for (;;) {
    const response = await fetch(`${origin}/api/v1/streams/${stream}`);
    /** @type {string[]} */
    const now = (await response.json()).tracks?.map((/** @type {{ codec: string }} */ track) => track.codec) ?? [];
    if (codecs.every((codec) => now.includes(codec))) {
      return;
    }
    if (performance.now() > late) {
      throw new Error(`the gateway receives ${now.join(' and ') || 'nothing'}, not ${codecs.join(' and ')}`);
    }
    await pause(100);
  }
}

/** @param {import('./clients.mjs').Options} options */
function ways({ trickle, tcp, restart, talk }) {
  const names = { trickle, TCP: tcp, 'ICE restart': restart, 'chat and data': talk };
  return Object.entries(names)
    .filter(([, used]) => used)
    .map(([name]) => name)
    .join(', ');
}

/** @param {import('./cases.mjs').Broadcast} broadcast */
function describe({ publisher, codec, transport, options, talk }) {
  return `${publisher} ${codec} ${transport} ${ways(options)}${talk ? ' chat' : ''}`;
}

/** @param {import('../web/e2e/lib/gateway.mjs').Gateway} gateway @param {string} stream */
function logOf(gateway, stream) {
  const lines = gateway.output().split('\n');
  return lines
    .filter((line) => line.includes(stream) || /level=(WARN|ERROR)/.test(line))
    .slice(-20)
    .join('\n');
}

/** @param {string} text */
function print(text) {
  process.stdout.write(`${text}\n`);
}
