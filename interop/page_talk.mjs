/** What talk.py says and hears on the data channels "chat" and "data", in a page. It stands alone: it is sent as text. */

/**
 * @typedef {object} Digest of a message of data
 * @property {boolean} text
 * @property {number} size in bytes
 * @property {string} sha256
 *
 * @typedef {object} Heard what a member of the chat has heard
 * @property {string[]} heard each message with its sender's role and name, in the order in which they came
 * @property {boolean} rising their ids rose
 * @property {string[]} errors what the room has refused
 * @property {Digest[]} data different messages that came on the other channel
 *
 * @typedef {object} Talk
 * @property {(peer: RTCPeerConnection, name: string) => void} open both channels; before the offer
 * @property {() => Promise<void>} settled returns when our hello is in the room
 * @property {() => Promise<Digest[]>} spread sends messages each second from now on, and says which
 * @property {(wanted: number) => Promise<Heard>} complete returns when our hello was answered by two, the broadcaster and the
 *   guest, and so many different messages of data came; or when it is late
 * @property {() => string[]} errors
 */

/** Runs before a page's own scripts, and leaves a Talk in `window.talk`. */
export function installTalk() {
  const patience = 25_000; // a call into a page may take 30 s
  /** @type {RTCDataChannel} */
  let chat;
  /** @type {RTCDataChannel} */
  let data;
  let you = { id: '', role: '' };
  let own = '';
  let answers = 0;
  /** @type {string[]} */
  const ids = [];
  /** @type {string[]} */
  const heard = [];
  /** @type {string[]} */
  const errors = [];
  /** @type {Map<string, Digest>} */
  const came = new Map();

  /** @param {() => boolean} holds */
  const until = async (holds) => {
    const late = performance.now() + patience;
    while (!holds() && performance.now() < late) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  /** @param {string | ArrayBuffer} message @returns {Promise<Digest>} */
  const digest = async (message) => {
    const bytes = typeof message === 'string' ? new TextEncoder().encode(message) : new Uint8Array(message);
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const sha256 = [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return { text: typeof message === 'string', size: bytes.length, sha256 };
  };

  /** @param {Record<string, string>} request */
  const say = (request) => chat.send(JSON.stringify(request));

  /** @param {any} event */
  const handle = ({ type, id, from, text, reply, ...event }) => {
    if (type === 'welcome') {
      you = event.you;
      say({ type: 'message', text: `안녕하세요, ${event.you.name}입니다 👋` });
    } else if (type === 'error') {
      errors.push(`${event.code}: ${event.detail}`);
    } else if (type === 'message') {
      ids.push(id);
      heard.push(`${from.role} ${from.name}: ${text}`);
      if (from.id === you.id && !reply) {
        own = id;
      } else if (reply && reply.id === own) {
        answers++;
      } else if (you.role === 'broadcaster' && !reply) {
        say({ type: 'message', text: `${from.name}님, 반갑습니다!`, reply: id });
      }
    }
  };

  /** @param {RTCPeerConnection} peer @param {string} name */
  const open = (peer, name) => {
    chat = peer.createDataChannel('chat');
    chat.addEventListener('open', () => say({ type: 'join', name }));
    chat.addEventListener('message', (event) => JSON.parse(event.data).forEach(handle));
    data = peer.createDataChannel('data');
    data.binaryType = 'arraybuffer';
    data.addEventListener('message', async (event) => {
      const one = await digest(event.data);
      came.set(one.sha256, one);
    });
  };

  const settled = async () => {
    await until(() => own !== '');
    if (own === '') {
      throw new Error(`our hello did not come to the room: the chat is ${chat.readyState}; ${errors.join('; ')}`);
    }
  };

  const spread = async () => {
    /** @param {number} size */
    const random = (size) => {
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i += 65536) {
        crypto.getRandomValues(bytes.subarray(i, i + 65536)); // no more at a time
      }
      return bytes.buffer;
    };
    const [text, some, much] = ['점수 2:1 ⚽', random(65_535), random(256 << 10)];
    setInterval(() => {
      if (data.readyState === 'open' && data.bufferedAmount === 0) {
        data.send(text);
        data.send(some);
        data.send(much);
      }
    }, 1000);
    return Promise.all([text, some, much].map(digest));
  };

  /** @param {number} wanted */
  const complete = async (wanted) => {
    await until(() => answers >= 2 && came.size >= wanted);
    const rising = ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? ''));
    return { heard, rising, errors, data: [...came.values()] };
  };

  Object.defineProperty(globalThis, 'talk', { value: { open, settled, spread, complete, errors: () => errors } });
}
