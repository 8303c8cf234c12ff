/** The entry of /player.js: defines `<whep-video>` and `<bongsu-player>`. */
import 'webrtc-adapter';

export type * from './api.ts';
export { BongsuPlayer } from './player/element.ts';
export { WhepVideo } from './whep/element.ts';
