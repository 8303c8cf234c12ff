/** A plain client of WHIP (RFC 9725) and WHEP, in a page. It stands alone: it is sent as text. */

/**
 * @typedef {object} Client
 * @property {(endpoint: string, codec: string, name: string) => Promise<void>} publish the test picture and the tone, until it is
 *   closed; with the data channels of this name, if it has one
 * @property {(endpoint: string, name: string) => Promise<void>} play in a video element of its own; the same
 * @property {() => Promise<void>} restart ICE (RFC 9725 section 4.3.3); returns when the new pair of candidates is in use
 * @property {() => Promise<void>} close the session
 */

/** Runs before a page's own scripts, and leaves a Client in `window.client`. */
export function installClient() {
  const fragmentType = 'application/trickle-ice-sdpfrag';
  /** @type {RTCPeerConnection} */
  let peer;
  /** @type {{ url: string, etag: string }} */
  let session;
  /** What is sent, one after the other. */
  let queue = Promise.resolve();

  /** @param {string} method @param {string} url @param {string} type @param {string} body @param {string} [match] */
  const send = async (method, url, type, body, match) => {
    const headers = { 'Content-Type': type, ...(match && { 'If-Match': match }) };
    const response = await fetch(url, { method, headers, body });
    const wanted = { POST: 201, PATCH: match === '*' ? 200 : 204 }[method];
    if (response.status !== wanted) {
      throw new Error(`${method} gave ${response.status}, not ${wanted}: ${await response.text()}`);
    }
    return response;
  };

  /** Gives an SDP fragment with what the local description has (RFC 8840 section 9). @param {string[]} more lines */
  const fragment = (more) => {
    const sdp = peer.localDescription?.sdp ?? '';
    const find = (/** @type {RegExp} */ line) => sdp.match(line)?.[0] ?? '';
    const lines = [/^a=ice-ufrag:.*$/m, /^a=ice-pwd:.*$/m, /^m=.*$/m, /^a=mid:.*$/m].map((line) => find(line).trim());
    return [...lines, ...more].map((line) => `${line}\r\n`).join('');
  };

  /** Waits until the connection is in use with the local user name fragment of now. */
  const connected = async () => {
    const now = peer.localDescription?.sdp.match(/^a=ice-ufrag:(.*)$/m)?.[1]?.trim();
    const used = () => {
      const transport = [...peer.getSenders(), ...peer.getReceivers()].find((one) => one.transport)?.transport;
      const pair = transport?.iceTransport.getSelectedCandidatePair?.();
      return (
        peer.connectionState === 'connected' && (!pair?.local?.usernameFragment || pair.local.usernameFragment === now)
      );
    };
    while (!used()) {
      if (peer.connectionState === 'failed') {
        throw new Error('the connection failed');
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  /** Has what it gives happen when all before it has. @param {() => Promise<unknown>} step */
  const next = (step) => {
    queue = queue.then(async () => {
      await step();
    });
    return queue;
  };

  /** Trickles each candidate as it comes (RFC 9725 section 4.3.2), and returns when it is connected. @param {string} endpoint */
  const open = async (endpoint) => {
    peer.addEventListener('icecandidate', ({ candidate }) => {
      const line = candidate?.candidate ? `a=${candidate.candidate}` : 'a=end-of-candidates';
      void next(() => send('PATCH', session.url, fragmentType, fragment([line]), session.etag));
    });
    await next(async () => {
      await peer.setLocalDescription();
      const response = await send('POST', endpoint, 'application/sdp', peer.localDescription?.sdp ?? '');
      const { headers } = response;
      session = { url: new URL(headers.get('Location') ?? '', endpoint).href, etag: headers.get('ETag') ?? '' };
      await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    });
    await connected();
    await queue;
  };

  /** @param {string} endpoint @param {string} codec @param {string} name */
  const publish = async (endpoint, codec, name) => {
    peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    const stream = /** @type {{ picture: import('./page_picture.mjs').Picture }} */ (
      /** @type {unknown} */ (globalThis)
    ).picture.film();
    const [audio] = stream.getAudioTracks();
    peer.addTransceiver(audio ?? 'audio', { direction: 'sendonly' });
    const [track] = stream.getVideoTracks();
    const video = peer.addTransceiver(track ?? 'video', { direction: 'sendonly' });
    const known = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
    video.setCodecPreferences(known.filter(({ mimeType }) => [`video/${codec}`, 'video/rtx'].includes(mimeType)));
    talk(name);
    await open(endpoint);
  };

  /** Opens the data channels. @param {string} name */
  const talk = (name) => {
    if (name) {
      /** @type {{ talk: import('./page_talk.mjs').Talk }} */ (/** @type {unknown} */ (globalThis)).talk.open(
        peer,
        name,
      );
    }
  };

  /** @param {string} endpoint @param {string} name */
  const play = async (endpoint, name) => {
    peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    const stream = new MediaStream();
    for (const kind of ['audio', 'video']) {
      stream.addTrack(peer.addTransceiver(kind, { direction: 'recvonly' }).receiver.track);
    }
    talk(name);
    const video = Object.assign(document.createElement('video'), { srcObject: stream, autoplay: true });
    document.body.append(video);
    await open(endpoint);
  };

  const restart = async () => {
    await next(async () => {
      const answer = peer.remoteDescription?.sdp ?? '';
      peer.restartIce();
      await peer.setLocalDescription();
      const response = await send('PATCH', session.url, fragmentType, fragment([]), '*');
      session.etag = response.headers.get('ETag') ?? '';
      await peer.setRemoteDescription({ type: 'answer', sdp: renewed(answer, await response.text()) });
    });
    await connected();
    await queue;
  };

  /** Gives an answer with the ICE session of a fragment. @param {string} answer @param {string} fresh */
  const renewed = (answer, fresh) => {
    /** @param {RegExp} line */
    const all = (line) => (fresh.match(line) ?? []).map((text) => `${text}\r\n`).join('');
    return answer
      .replace(/^a=candidate:.*\r\n/gm, '')
      .replace(/^a=ice-pwd:.*\r\n/gm, all(/^a=ice-pwd:.*$/m))
      .replace(/^a=ice-ufrag:.*\r\n/gm, all(/^a=candidate:.*$/gm) + all(/^a=ice-ufrag:.*$/m));
  };

  const close = async () => {
    peer.close();
    await fetch(session.url, { method: 'DELETE' });
  };

  Object.defineProperty(globalThis, 'client', { value: { publish, play, restart, close } });
}
