import { iceFragment, withFragment } from './sdp.ts';

/** The media type of an SDP fragment (RFC 8840 section 9). */
export const fragmentType = 'application/trickle-ice-sdpfrag';

/** Whether a 201 promises PATCH for its session. */
export function takesFragments(headers: Headers): boolean {
  return (headers.get('Accept-Patch') ?? '').toLowerCase().includes(fragmentType);
}

/**
 * Restarts ICE (RFC 9725 section 4.3.3): the connection looks for a new path, and media goes on in it. It gives the answer that
 * is now set. The fragment names no candidates, because they are still being gathered: the server finds them by the checks.
 */
export async function restartICE(
  peer: RTCPeerConnection,
  answer: string,
  edit: (offer: string) => string,
  send: (init: { method: 'PATCH'; headers: Record<string, string>; body: string }) => Promise<Response>,
): Promise<string> {
  const { sdp = '' } = await peer.createOffer({ iceRestart: true });
  const offer = edit(sdp);
  await peer.setLocalDescription({ type: 'offer', sdp: offer });
  const headers = { 'Content-Type': fragmentType, 'If-Match': '*' };
  const response = await send({ method: 'PATCH', headers, body: iceFragment(offer, [], false) });
  const next = response.status === 200 ? withFragment(answer, await response.text()) : undefined;
  if (next === undefined) {
    throw new Error(`no ICE restart: HTTP ${response.status}`);
  }
  await peer.setRemoteDescription({ type: 'answer', sdp: next });
  return next;
}
