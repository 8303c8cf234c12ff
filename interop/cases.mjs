/** What is tried: each publisher with each of its codecs, played by every client that knows the codec. */

/**
 * @typedef {import('./clients.mjs').Options} Options
 *
 * @typedef {object} Broadcast
 * @property {string} publisher
 * @property {string} codec
 * @property {Options} options of the publisher
 * @property {'auto' | 'pc'} transport of the viewers: the lean one where it fits, or always a peer connection
 * @property {boolean} talk all have the data channels "chat" and "data", too
 * @property {{ player: string, options: Options }[]} players
 */

/** @type {(Pick<Broadcast, 'publisher' | 'codec'> & Partial<Broadcast>)[]} */
const broadcasts = [
  { publisher: 'aiortc', codec: 'VP8', talk: true },
  { publisher: 'aiortc', codec: 'H264' },
  { publisher: 'aiortc', codec: 'H264', transport: 'pc', talk: true },
  { publisher: 'gstreamer', codec: 'VP8' },
  { publisher: 'gstreamer', codec: 'VP8', transport: 'pc', talk: true },
  { publisher: 'gstreamer', codec: 'VP8', options: { tcp: true } },
  { publisher: 'gstreamer', codec: 'H264', options: { trickle: true } },
  { publisher: 'chromium', codec: 'VP8', talk: true },
  { publisher: 'chromium', codec: 'H264' },
  { publisher: 'chromium', codec: 'VP9', options: { restart: true } },
  { publisher: 'chromium', codec: 'AV1' },
  { publisher: 'firefox', codec: 'VP8', options: { restart: true } },
  { publisher: 'firefox', codec: 'VP9', talk: true },
  { publisher: 'firefox', codec: 'AV1' },
];

/**
 * What a player knows, and the ways in which it plays, which it takes in turns. Debian's Firefox is built without H.264.
 * @type {Record<string, { codecs: string[], ways: Options[] }>}
 */
const players = {
  aiortc: { codecs: ['VP8', 'H264'], ways: [{}] },
  gstreamer: { codecs: ['VP8', 'VP9', 'H264'], ways: [{}, { trickle: true }, { tcp: true }] },
  chromium: { codecs: ['VP8', 'VP9', 'AV1', 'H264'], ways: [{}, { restart: true }] },
  firefox: { codecs: ['VP8', 'VP9', 'AV1'], ways: [{}, { restart: true }] },
};

/** @returns {Broadcast[]} */
export function cases() {
  /** @type {Record<string, number>} */
  const turns = {};
  /** Those who talk take turns of their own, so that each way is tried with and without. @param {string} player @param {boolean} talk @returns {Options} */
  const nextWay = (player, talk) => {
    const key = `${player} ${talk}`;
    const turn = turns[key] ?? 0;
    turns[key] = turn + 1;
    const { ways } = players[player] ?? { ways: [{}] };
    return ways[turn % ways.length] ?? {};
  };
  return broadcasts.map(({ publisher, codec, options = {}, transport = 'auto', talk = false }) => {
    const able = Object.keys(players).filter((player) => players[player]?.codecs.includes(codec));
    return {
      publisher,
      codec,
      options,
      transport,
      talk,
      players: able.map((player) => ({ player, options: nextWay(player, talk) })),
    };
  });
}
