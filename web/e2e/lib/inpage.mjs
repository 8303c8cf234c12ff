/** What is run inside pages: it finds the video wherever it is, and tells what is seen and heard. */

/**
 * @typedef {object} Observation
 * @property {number} frames shown in the time
 * @property {number} change mean difference between the first picture and the one that is least like it, 0 to 255
 * @property {number} width
 * @property {number} height
 * @property {boolean} muted
 * @property {number} loudness root mean square of the sound's loudest stretch, 0 to 1
 * @property {number} audioEnergy increase of totalAudioEnergy of the received sound (webrtc-stats)
 * @property {number} peers peer connections that the page has made so far
 * @property {number[]} ssrcs of what is received
 *
 * @typedef {object} Watcher
 * @property {() => HTMLVideoElement | undefined} video
 * @property {(patience: number) => Promise<Join>} firstFrame rejects with what is known when there is none after the patience
 * @property {(milliseconds: number) => Promise<Observation>} observe
 * @property {(milliseconds: number) => Promise<Flow>} follow
 *
 * @typedef {object} Join when things happened, in milliseconds since the navigation
 * @property {number} posted the POST went out
 * @property {number} answered its response came
 * @property {number} connected ICE and DTLS were done
 * @property {number} shown the first frame was on the screen
 * @property {number} requests for a keyframe (PLI) until then
 *
 * @typedef {object} Flow of frames
 * @property {number} pause the longest between two frames, milliseconds
 * @property {number} last frames in the last second
 */

/** Runs before a page's own scripts, in every frame, and leaves a Watcher in `window.watcher`. */
export function watchPage() {
  /** @type {RTCPeerConnection[]} */
  const peers = [];
  const Native = globalThis.RTCPeerConnection;
  if (!Native || Object.hasOwn(globalThis, 'watcher')) {
    return;
  }
  globalThis.RTCPeerConnection = class extends Native {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      peers.push(this);
      this.addEventListener('connectionstatechange', () => {
        connected ||= this.connectionState === 'connected' ? performance.now() : 0;
      });
    }
  };
  let [posted, answered, connected] = [0, 0, 0];
  const nativeFetch = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const post = request[1]?.method === 'POST';
    if (post) {
      posted = performance.now();
    }
    const response = await nativeFetch(...request);
    if (post) {
      answered = performance.now();
    }
    return response;
  };

  /** @param {Document | ShadowRoot} root @returns {HTMLVideoElement | undefined} */
  const find = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element instanceof HTMLVideoElement) {
        return element;
      }
      const inner = element.shadowRoot && find(element.shadowRoot);
      if (inner) {
        return inner;
      }
    }
    return undefined;
  };
  const video = () => find(document);

  /** @type {Promise<number>} */
  const shown = new Promise((resolve) => {
    const look = () => {
      const element = video();
      if (element) {
        element.requestVideoFrameCallback(() => resolve(performance.now()));
      } else {
        requestAnimationFrame(look);
      }
    };
    look();
  });

  /** @param {number} patience milliseconds */
  const firstFrame = (patience) =>
    new Promise((resolve, reject) => {
      shown.then(async (at) => {
        resolve({ posted, answered, connected, shown: at, requests: (await received()).requests });
      });
      setTimeout(async () => reject(new Error(`no picture after ${patience} ms: ${await describe()}`)), patience);
    });

  /** What may explain why there is no picture. */
  const describe = async () => {
    const element = video();
    const stats = [];
    for (const peer of peers) {
      const reports = [...(await peer.getStats()).values()];
      stats.push(peer.connectionState, ...reports.filter(({ type }) => type === 'inbound-rtp'));
    }
    return JSON.stringify([document.hidden, element?.readyState, element?.paused, element?.currentTime, stats]);
  };

  const received = async () => {
    let [audioEnergy, requests] = [0, 0];
    const ssrcs = [];
    for (const peer of peers) {
      for (const report of (await peer.getStats()).values()) {
        if (report.type === 'inbound-rtp') {
          audioEnergy += report.totalAudioEnergy ?? 0;
          requests += report.pliCount ?? 0;
          ssrcs.push(report.ssrc);
        }
      }
    }
    return { audioEnergy, requests, ssrcs: ssrcs.sort((a, b) => a - b) };
  };

  /** @param {number} milliseconds @returns {Promise<Observation>} */
  const observe = async (milliseconds) => {
    const element = video();
    if (!element) {
      throw new Error('there is no video in this page');
    }
    const canvas = new OffscreenCanvas(64, 36);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const picture = () => {
      context?.drawImage(element, 0, 0, canvas.width, canvas.height);
      return context?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
    };
    const sound = new AudioContext();
    const analyser = sound.createAnalyser();
    if (element.srcObject instanceof MediaStream && element.srcObject.getAudioTracks().length > 0) {
      sound.createMediaStreamSource(element.srcObject).connect(analyser);
    }
    const samples = new Float32Array(analyser.fftSize);
    const { audioEnergy } = await received();
    const before = picture();
    let [loudness, change] = [0, 0];
    const watching = setInterval(() => {
      const difference = picture().reduce((sum, value, i) => sum + Math.abs(value - (before[i] ?? 0)), 0);
      change = Math.max(change, difference / before.length);
      analyser.getFloatTimeDomainData(samples);
      loudness = Math.max(loudness, Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length));
    }, 50);
    let frames = 0;
    const count = () => {
      frames++;
      element.requestVideoFrameCallback(count);
    };
    element.requestVideoFrameCallback(count);
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    clearInterval(watching);
    void sound.close();
    const now = await received();
    return {
      frames,
      change,
      width: element.videoWidth,
      height: element.videoHeight,
      muted: element.muted,
      loudness,
      audioEnergy: now.audioEnergy - audioEnergy,
      peers: peers.length,
      ssrcs: now.ssrcs,
    };
  };

  /** @param {number} milliseconds @returns {Promise<Flow>} */
  const follow = async (milliseconds) => {
    const element = video();
    const frames = [performance.now()];
    const note = () => {
      frames.push(performance.now());
      element?.requestVideoFrameCallback(note);
    };
    element?.requestVideoFrameCallback(note);
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const end = performance.now();
    const pauses = [...frames, end].map((time, i) => time - (frames[i - 1] ?? time));
    return { pause: Math.max(...pauses), last: frames.filter((time) => end - time < 1000).length };
  };
  Object.defineProperty(globalThis, 'watcher', { value: { video, firstFrame, observe, follow } });
}

/** @typedef {import('puppeteer-core').Frame | import('puppeteer-core').Page} Place */

/**
 * Waits for the first frame; tells when it was shown.
 * @param {Place} place
 * @param {number} [patience] milliseconds
 * @returns {Promise<Join>}
 */
export function firstFrame(place, patience = 20_000) {
  return place.evaluate(
    (time) => /** @type {{ watcher: Watcher }} */ (/** @type {unknown} */ (globalThis)).watcher.firstFrame(time),
    patience,
  );
}

/**
 * Looks and listens for a while.
 * @param {Place} place
 * @param {number} [milliseconds]
 * @returns {Promise<Observation>}
 */
export function observe(place, milliseconds = 1500) {
  return place.evaluate(
    (time) => /** @type {{ watcher: Watcher }} */ (/** @type {unknown} */ (globalThis)).watcher.observe(time),
    milliseconds,
  );
}

/**
 * Tells how evenly frames are shown for a while.
 * @param {Place} place
 * @param {number} milliseconds
 * @returns {Promise<Flow>}
 */
export function follow(place, milliseconds) {
  return place.evaluate(
    (time) => /** @type {{ watcher: Watcher }} */ (/** @type {unknown} */ (globalThis)).watcher.follow(time),
    milliseconds,
  );
}
