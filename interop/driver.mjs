/** The drivers in Python: each a process that writes lines of JSON, and ends when its standard input is closed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const python = process.env['PYTHON'] ?? '/usr/bin/python3';

/**
 * @typedef {object} Driver
 * @property {() => Promise<unknown>} next gives the next line; rejects with what the driver has said if it ends without one
 * @property {() => Promise<void>} end tells it to end, and rejects unless it does so by itself and without an error
 */

/**
 * Starts a driver, which is killed after its time.
 * @param {string} script
 * @param {string[]} options
 * @param {number} patience milliseconds
 * @returns {Driver}
 */
export function startDriver(script, options, patience) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(python, ['-B', path, ...options], { stdio: 'pipe' });
  const killIt = () => child.kill('SIGKILL');
  process.once('exit', killIt);
  const late = setTimeout(killIt, patience);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text;
  });
  child.on('error', (error) => {
    log += error;
  });
  child.stdin.on('error', () => undefined); // it has ended already, which "ended" tells
  const ended = once(child, 'close').catch(() => undefined);
  void ended.then(() => {
    clearTimeout(late);
    process.off('exit', killIt);
  });
  const failure = () => {
    const end = child.signalCode ? `was killed after ${patience / 1000} s` : `ended with status ${child.exitCode}`;
    return new Error(`${script} ${options.join(' ')} ${end}\n${log}`);
  };
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { value, done } = await lines.next();
      if (!done) {
        return JSON.parse(value);
      }
      await ended;
      throw failure();
    },
    end: async () => {
      child.stdin.end();
      await ended;
      if (child.exitCode !== 0) {
        throw failure();
      }
    },
  };
}
