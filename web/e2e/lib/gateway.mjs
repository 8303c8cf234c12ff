/** The gateway under test: the real binary, on free loopback ports, with a data directory of its own. */
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

const binary = process.env['BONGSU_BIN'] ?? join(root, 'bin/bongsu');

/** How long the gateway may take to come up, and to end, milliseconds. */
const patience = 10_000;

/**
 * @typedef {object} Gateway
 * @property {string} origin where it is: "http://127.0.0.1:12345"
 * @property {number} media its UDP port, on 127.0.0.1
 * @property {number} startedIn milliseconds from the start of the process to its first answer
 * @property {() => string} output what it has written so far
 * @property {() => Promise<void>} stop ends it, and throws unless it ends by itself, in time and without an error
 */

/**
 * Starts `bongsu serve`.
 * @param {{ demo?: boolean, config?: Record<string, unknown> }} [options] config is the YAML file, as an object
 * @returns {Promise<Gateway>}
 */
export async function startGateway({ demo = false, config = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-e2e-'));
  const listen = `127.0.0.1:${await freeTCP()}`;
  const file = join(folder, 'bongsu.yaml');
  // E2E_TRANSPORT=pc runs the tests with a full peer connection for each viewer.
  const egress = { transport: process.env['E2E_TRANSPORT'] ?? 'auto' };
  const media = await freeUDP();
  const whole = {
    listen,
    udp: `127.0.0.1:${media}`,
    tcp: '127.0.0.1:0',
    data: join(folder, 'data'),
    egress,
    ...config,
  };
  await writeFile(file, JSON.stringify(whole)); // JSON is YAML
  const began = performance.now();
  // The machine's own BONGSU_ variables are not for the tests.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('BONGSU_')));
  const child = spawn(binary, ['serve', '--config', file, ...(demo ? ['--demo'] : [])], { cwd: folder, env });
  const killIt = () => child.kill('SIGKILL');
  process.once('exit', killIt);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  let failure = '';
  child.once('error', (error) => {
    failure = `${error.message}; build the gateway first ("make build"), or name it in BONGSU_BIN`;
  });
  const ended = once(child, 'close');
  ended.catch(() => undefined);

  const origin = `http://${whole.listen}`;
  const stop = async () => {
    process.off('exit', killIt);
    child.kill('SIGINT');
    const late = new AbortController();
    await Promise.race([ended, pause(patience, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    const { exitCode, signalCode } = child;
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
    if (exitCode !== 0) {
      throw new Error(`bongsu did not end cleanly (status ${exitCode}, signal ${signalCode}):\n${output}`);
    }
  };
  while (!(await answers(`${origin}/readyz`))) {
    if (failure || child.exitCode !== null || performance.now() - began > patience) {
      killIt();
      await rm(folder, { recursive: true, force: true });
      throw new Error(`bongsu did not start: ${failure || `status ${child.exitCode}`}\n${output}`);
    }
    await pause(5);
  }
  return { origin, media, startedIn: performance.now() - began, output: () => output, stop };
}

/** The clip of `--demo`, as the source of a configured stream. */
export const demoFile = {
  video: join(root, 'ingest/demo/clip.h264'),
  audio: join(root, 'ingest/demo/clip.ogg'),
  loop: true,
};

/** @param {string} url */
async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** @returns {Promise<number>} */
async function freeTCP() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @returns {Promise<number>} */
async function freeUDP() {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
