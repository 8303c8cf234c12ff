/** What is tried: each publisher with each of its codecs, played by every client that knows the codec. */

/**
 * @typedef {import('./clients.mjs').Options} Options
 *
 * @typedef {object} Broadcast
 * @property {string} publisher
 * @property {string} codec
 * @property {Options} options of the publisher
 * @property {'auto' | 'pc'} transport of the viewers: the lean one where it fits, or always a peer connection
 * @property {{ player: string, options: Options }[]} players
 */

/** @type {(Pick<Broadcast, 'publisher' | 'codec'> & Partial<Broadcast>)[]} */
const broadcasts = [
  { publisher: 'aiortc', codec: 'VP8' },
  { publisher: 'aiortc', codec: 'H264' },
  { publisher: 'aiortc', codec: 'H264', transport: 'pc' },
  { publisher: 'gstreamer', codec: 'VP8' },
  { publisher: 'gstreamer', codec: 'VP8', transport: 'pc' },
  { publisher: 'gstreamer', codec: 'VP8', options: { tcp: true } },
  { publisher: 'gstreamer', codec: 'H264', options: { trickle: true } },
  { publisher: 'chromium', codec: 'VP8' },
  { publisher: 'chromium', codec: 'H264' },
  { publisher: 'chromium', codec: 'VP9', options: { restart: true } },
  { publisher: 'chromium', codec: 'AV1' },
  { publisher: 'firefox', codec: 'VP8', options: { restart: true } },
  { publisher: 'firefox', codec: 'VP9' },
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
  /** @param {string} player @returns {Options} */
  const nextWay = (player) => {
    const turn = turns[player] ?? 0;
    turns[player] = turn + 1;
    const { ways } = players[player] ?? { ways: [{}] };
    return ways[turn % ways.length] ?? {};
  };
  return broadcasts.map(({ publisher, codec, options = {}, transport = 'auto' }) => {
    const able = Object.keys(players).filter((player) => players[player]?.codecs.includes(codec));
    return {
      publisher,
      codec,
      options,
      transport,
      players: able.map((player) => ({ player, options: nextWay(player) })),
    };
  });
}
