/** The entry of /player.js: defines `<whep-video>`, `<bongsu-player>` and `<bongsu-chat>`. */
import 'webrtc-adapter';

export type * from './api.ts';
export { BongsuChat } from './chat/element.ts';
export { BongsuPlayer } from './player/element.ts';
export { WhepVideo } from './whep/element.ts';
