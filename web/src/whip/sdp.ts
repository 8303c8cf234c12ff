/**
 * The few things that browsers let one say only in the session description itself. Lines keep their CRLF.
 */

/** How the sound is to be encoded. */
export interface AudioEncoding {
  stereo: boolean;
  /** Upper limit in bit/s. */
  maxBitrate: number;
}

/**
 * Says in the offer that stereo sound will come (sprop-stereo, RFC 7587 section 6.1), so that the server can tell viewers.
 * Only what is sent to the server needs it; the local description stays as the browser made it.
 */
export function announceStereo(offer: string): string {
  return editFormats(offer, 'audio', 'opus', { stereo: '1', 'sprop-stereo': '1' });
}

/**
 * Tells our own encoders, in the server's answer, how to encode: stereo and bitrate of Opus (RFC 7587 section 6.1), and the
 * bitrate at which Chromium's video encoder starts. It would start at 300 kbit/s and shrink the picture for seconds.
 */
export function tuneAnswer(answer: string, audio: AudioEncoding, videoMaxBitrate: number): string {
  const opus: Record<string, string> = { maxaveragebitrate: String(audio.maxBitrate) };
  if (audio.stereo) {
    opus['stereo'] = '1';
  }
  const start = String(Math.round(Math.min(videoMaxBitrate, Math.max(600_000, videoMaxBitrate * 0.6)) / 1000));
  const tuned = editFormats(answer, 'audio', 'opus', opus);
  return editFormats(tuned, 'video', '(?:H264|H265|VP8|VP9|AV1)', { 'x-google-start-bitrate': start });
}

/** Sets format parameters (a=fmtp) of a codec in every m= section of a kind; adds the line where there is none. */
function editFormats(sdp: string, kind: string, codec: string, parameters: Record<string, string>): string {
  const sections = sdp.split(/^(?=m=)/m);
  return sections.map((s) => (s.startsWith(`m=${kind} `) ? editSection(s, codec, parameters) : s)).join('');
}

function editSection(section: string, codec: string, parameters: Record<string, string>): string {
  const rtpmap = new RegExp(`^a=rtpmap:(\\d+) ${codec}/.*\\r\\n`, 'gim');
  let edited = section;
  for (const [line, payloadType] of section.matchAll(rtpmap)) {
    const fmtp = new RegExp(`^a=fmtp:${payloadType} (.*)\\r\\n`, 'm');
    const known = fmtp.exec(section);
    const merged = `a=fmtp:${payloadType} ${merge(known?.[1] ?? '', parameters)}\r\n`;
    edited = known ? edited.replace(known[0], () => merged) : edited.replace(line, () => line + merged);
  }
  return edited;
}

function merge(format: string, parameters: Record<string, string>): string {
  const kept = format
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '' && !((text.split('=')[0] ?? '') in parameters));
  return [...kept, ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`)].join(';');
}
