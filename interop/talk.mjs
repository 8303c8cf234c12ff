/** What the members of a broadcast's chat say, and what each has to hear. */

/**
 * @typedef {import('./page_talk.mjs').Heard} Heard
 * @typedef {import('./page_talk.mjs').Digest} Digest
 */

/** The largest message that a client takes, bytes: a=max-message-size in its offer, and 64 KiB if it says nothing (RFC 8841 section 6.1). */
const largest = { aiortc: 65536, gstreamer: 65536, chromium: 262_144, firefox: 262_144 };

export const guest = '손님';

/** @param {string} client */
export const nameOf = (client, publishes = false) => `${publishes ? '방송' : '시청자'} ${client}`;

/** Gives those messages that a client has to get. @param {string} client @param {Digest[]} sent */
export const dataFor = (client, sent) =>
  sent.filter(({ size }) => size <= (largest[/** @type {keyof typeof largest} */ (client)] ?? 0));

/**
 * Says what is wrong with what a player heard.
 * @param {Heard} talk
 * @param {string} publisher
 * @param {string} player
 * @param {Digest[]} sent by the publisher
 * @returns {string[]}
 */
export function playerComplaints(talk, publisher, player, sent) {
  const [broadcaster, name] = [nameOf(publisher, true), nameOf(player)];
  const missing = [...openings(broadcaster), ...conversation(broadcaster, name)].filter(
    (line) => !talk.heard.includes(line),
  );
  const [wanted, came] = [dataFor(player, sent), talk.data].map((list) => list.map(shown).sort().join('; '));
  return [
    ...complaints(talk),
    ...missing.map((line) => `the chat did not bring "${line}" but ${JSON.stringify(talk.heard)}`),
    ...(wanted === came ? [] : [`the data that came are "${came}", not "${wanted}"`]),
  ];
}

/** Gives all that is said in a room, in no order. @param {string} publisher @param {string[]} players */
export function all(publisher, players) {
  const broadcaster = nameOf(publisher, true);
  const talks = players.flatMap((player) => conversation(broadcaster, nameOf(player)));
  return [...openings(broadcaster), answer('broadcaster', broadcaster, guest), ...talks];
}

/**
 * Says what is wrong with what the guest heard, who was there all the time.
 * @param {Omit<Heard, 'data'>} talk
 * @param {string[]} wanted
 * @returns {string[]}
 */
export function guestComplaints(talk, wanted) {
  const same = [...talk.heard].sort().join() === [...wanted].sort().join();
  return [
    ...complaints(talk),
    ...(same ? [] : [`the chat brought ${JSON.stringify(talk.heard)}, not ${JSON.stringify(wanted)}`]),
  ];
}

/** @param {Omit<Heard, 'data'>} talk */
function complaints({ rising, errors, heard }) {
  return [
    ...errors.map((error) => `the chat refused: ${error}`),
    ...(rising ? [] : [`the messages came twice or in another order: ${JSON.stringify(heard)}`]),
  ];
}

/** What is in the room before any player. @param {string} broadcaster */
const openings = (broadcaster) => [hello('broadcaster', broadcaster), hello('viewer', guest)];

/** What comes with a player. @param {string} broadcaster @param {string} name */
const conversation = (broadcaster, name) => [
  hello('viewer', name),
  answer('broadcaster', broadcaster, name),
  answer('viewer', guest, name),
];

/** @param {string} role @param {string} name */
const hello = (role, name) => `${role} ${name}: 안녕하세요, ${name}입니다 👋`;

/** @param {string} role @param {string} name @param {string} to */
const answer = (role, name, to) => `${role} ${name}: ${to}님, 반갑습니다!`;

/** @param {Digest} message */
const shown = ({ text, size, sha256 }) =>
  `${text ? 'text' : 'binary'} of ${size} bytes, SHA-256 ${sha256.slice(0, 16)}`;
