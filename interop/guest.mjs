/** A member of the chat without WebRTC: by POST and server-sent events, as docs/chat.md has it. */
import { setTimeout as pause } from 'node:timers/promises';

/** How long a message may take, milliseconds. */
const patience = 10_000;

const headers = { 'Content-Type': 'application/json' };

/**
 * @typedef {object} Guest
 * @property {(count: number) => Promise<Omit<import('./page_talk.mjs').Heard, 'data'>>} leave the room when so many messages were
 *   heard, or it is late; and say which
 */

/**
 * Joins a stream's chat, says hello, and answers the hello of each viewer.
 * @param {string} origin
 * @param {string} stream
 * @param {string} name
 * @returns {Promise<Guest>} once its own hello is in the room
 */
export async function joinGuest(origin, stream, name) {
  const { headers: answer } = await post(`${origin}/chat/${stream}`, { type: 'join', name }, 201);
  const me = new URL(answer.get('Location') ?? '', origin).href;
  /** @type {string[]} */
  const ids = [];
  /** @type {string[]} */
  const heard = [];
  /** @type {string[]} */
  const errors = [];
  let you = '';
  /** @type {(value?: unknown) => void} */
  let settle = () => undefined;
  const settled = new Promise((resolve) => {
    settle = resolve;
  });

  /** @param {any} event */
  const handle = async ({ type, id, from, text, reply, ...event }) => {
    if (type === 'welcome') {
      you = event.you.id;
      await post(me, { type: 'message', text: `안녕하세요, ${name}입니다 👋` }, 202);
    } else if (type === 'error') {
      errors.push(`${event.code}: ${event.detail}`);
    } else if (type === 'message') {
      ids.push(id);
      heard.push(`${from.role} ${from.name}: ${text}`);
      if (from.id === you) {
        settle();
      } else if (from.role === 'viewer' && !reply) {
        await post(me, { type: 'message', text: `${from.name}님, 반갑습니다!`, reply: id }, 202);
      }
    }
  };

  const leaving = new AbortController();
  const read = async () => {
    const { body } = await fetch(me, { headers: { Accept: 'text/event-stream' }, signal: leaving.signal });
    for await (const events of frames(body)) {
      for (const event of events) {
        await handle(event);
      }
    }
    throw new Error('the server ended the events');
  };
  const reading = read().catch((error) => {
    if (!leaving.signal.aborted) {
      errors.push(String(error));
    }
    settle();
  });
  /** @param {number} count */
  const leave = async (count) => {
    for (const late = performance.now() + patience; heard.length < count && performance.now() < late; ) {
      await pause(20);
    }
    leaving.abort();
    await reading;
    await fetch(me, { method: 'DELETE' });
    return { heard, rising: ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? '')), errors };
  };
  await Promise.race([settled, pause(patience, undefined, { ref: false })]);
  return { leave };
}

/** @param {string} url @param {Record<string, string>} request @param {number} wanted status */
async function post(url, request, wanted) {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request) });
  if (response.status !== wanted) {
    throw new Error(`POST gave ${response.status}, not ${wanted}: ${await response.text()}`);
  }
  return response;
}

/**
 * Gives the data of each event of a stream of them, which is an array of JSON.
 * @param {ReadableStream<Uint8Array> | null} body
 * @returns {AsyncGenerator<any[]>}
 */
async function* frames(body) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body ?? []) {
    const blocks = (text + decoder.decode(part, { stream: true })).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:'));
      if (data.length > 0) {
        yield JSON.parse(data.map((line) => line.slice(5)).join('\n'));
      }
    }
  }
}
