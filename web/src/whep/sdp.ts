/** Small readings and changes of session descriptions (RFC 8866). */
import type { Candidate } from '../signal/signaling.ts';

/** Puts `stereo=1` into the fmtp of every Opus payload type: browsers play mono without it (RFC 7587 section 6.1). */
export function wantStereo(sdp: string): string {
  let result = sdp;
  for (const [, payloadType] of sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2/gim)) {
    const fmtp = new RegExp(`^(a=fmtp:${payloadType} )([^\\r\\n]*)`, 'm');
    const parameters = fmtp.exec(result)?.[2];
    if (parameters === undefined) {
      const rtpmap = new RegExp(`^(a=rtpmap:${payloadType} [^\\r\\n]*)`, 'm');
      result = result.replace(rtpmap, `$1\r\na=fmtp:${payloadType} stereo=1`);
    } else if (!/(^|;)\s*stereo=/.test(parameters)) {
      result = result.replace(fmtp, '$1$2;stereo=1');
    }
  }
  return result;
}

/** The UDP port of the first candidate of an answer: what a firewall has to let through. */
export function mediaPort(sdp: string): number | undefined {
  const candidate = /^a=candidate:\S+ \d+ udp \d+ \S+ (\d+) typ /im.exec(sdp);
  return candidate ? Number(candidate[1]) : undefined;
}

/**
 * The answer to set after an ICE restart: the last one with the server's credentials and candidates of a fragment. Undefined if
 * the fragment has no credentials.
 */
export function withFragment(answer: string, fragment: string): string | undefined {
  const [ufrag, pwd] = [/^a=ice-ufrag:.+$/m.exec(fragment)?.[0], /^a=ice-pwd:.+$/m.exec(fragment)?.[0]];
  if (!ufrag || !pwd) {
    return undefined;
  }
  const candidates = fragment.match(/^a=(candidate:.+|end-of-candidates)$/gm) ?? [];
  const line = (text: string) => `${text.trimEnd()}\r\n`;
  return answer
    .replace(/^a=(candidate:.*|end-of-candidates\s*)\r?\n/gm, '')
    .replace(/^a=ice-ufrag:.*\r?\n/gm, () => line(ufrag))
    .replace(/^a=ice-pwd:.*\r?\n/gm, () => line(pwd))
    .replace(line(pwd), (first) => first + candidates.map(line).join(''));
}

/**
 * The fragment that tells the server of candidates (RFC 8840 section 9). All media is bundled, so they stand under the
 * first m-line alone.
 */
export function iceFragment(localSDP: string, candidates: readonly Candidate[], complete: boolean): string {
  const line = (pattern: RegExp) => pattern.exec(localSDP)?.[0];
  const media = /^m=\S+/m.exec(localSDP)?.[0];
  return [
    line(/^a=ice-ufrag:.+$/m),
    line(/^a=ice-pwd:.+$/m),
    media && `${media} 9 UDP/TLS/RTP/SAVPF 0`,
    line(/^a=mid:.+$/m),
    ...candidates.map((one) => `a=${one.candidate}`),
    complete ? 'a=end-of-candidates' : undefined,
  ]
    .filter((one) => one !== undefined)
    .map((one) => `${one.trimEnd()}\r\n`)
    .join('');
}
