/** Video codecs by the names of their RTP payload formats, best first for reach: every browser and phone decodes H.264. */
export const videoCodecs = ['H264', 'VP8', 'VP9', 'AV1', 'H265'] as const;
export type VideoCodec = (typeof videoCodecs)[number];

/** The video codecs that this browser can send. */
export function sendableCodecs(): VideoCodec[] {
  const capable = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  return videoCodecs.filter((name) => capable.some((codec) => isCodec(codec, name)));
}

/**
 * The list for setCodecPreferences. A chosen codec is offered alone; 'auto' offers all, H.264 first. Retransmission and
 * redundancy formats stay. An empty list leaves the browser's own order.
 */
export function codecPreferences(choice: VideoCodec | 'auto', capable: readonly RTCRtpCodec[]): RTCRtpCodec[] {
  const names = choice === 'auto' ? videoCodecs : [choice];
  const media = names.flatMap((name) => capable.filter((codec) => isCodec(codec, name)).sort(widestFirst));
  const helpers = capable.filter((codec) => !videoCodecs.some((name) => isCodec(codec, name)));
  return media.length > 0 ? [...media, ...helpers] : [];
}

function isCodec(codec: RTCRtpCodec, name: string): boolean {
  return codec.mimeType.toLowerCase() === `video/${name}`.toLowerCase();
}

/** Of the H.264 formats, constrained baseline in packetization mode 1 plays everywhere (RFC 7742 section 6.2). */
function widestFirst(a: RTCRtpCodec, b: RTCRtpCodec): number {
  return rank(a) - rank(b);
}

function rank(codec: RTCRtpCodec): number {
  const format = codec.sdpFmtpLine ?? '';
  return (/profile-level-id=42e0/i.test(format) ? 0 : 1) + (/packetization-mode=1/.test(format) ? 0 : 2);
}
