import { iceFragment, withFragment } from './sdp.ts';

/**
 * Restarts ICE (RFC 9725 section 4.3.3): the connection looks for a new path, and media goes on in it. It gives the answer that
 * is now set. The fragment names no candidates, because they are still being gathered: the server finds them by the checks.
 * `exchange` gives the fragment that answers it.
 */
export async function restartICE(
  peer: RTCPeerConnection,
  answer: string,
  edit: (offer: string) => string,
  exchange: (fragment: string) => Promise<string>,
): Promise<string> {
  const { sdp = '' } = await peer.createOffer({ iceRestart: true });
  const offer = edit(sdp);
  await peer.setLocalDescription({ type: 'offer', sdp: offer });
  const next = withFragment(answer, await exchange(iceFragment(offer, [], false)));
  if (next === undefined) {
    throw new Error('no ICE restart: the answer has no credentials');
  }
  await peer.setRemoteDescription({ type: 'answer', sdp: next });
  return next;
}
