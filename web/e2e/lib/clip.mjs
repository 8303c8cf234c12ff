/** An H.264 file with the group of pictures that we want, encoded by the browser itself: nothing else has to be installed. */

/**
 * @typedef {object} ClipOptions
 * @property {number} seconds
 * @property {number} keyframeEvery seconds
 * @property {number} frameRate
 * @property {number} bitrate bit/s
 * @property {number} width
 * @property {number} height
 */

/**
 * Encodes moving noise, which costs about the bitrate that it is allowed.
 * @param {import('puppeteer-core').Page} page on a secure origin (WebCodecs section 2)
 * @param {ClipOptions} options
 * @returns {Promise<Buffer>} an Annex B byte stream with the parameter sets before each keyframe
 */
export async function makeClip(page, options) {
  return Buffer.from(await page.evaluate(encode, options), 'base64');
}

/**
 * Runs in the page.
 * @param {ClipOptions} options
 * @returns {Promise<string>} base64
 */
async function encode({ seconds, keyframeEvery, frameRate, bitrate, width, height }) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  /** @type {unknown} */
  let failure;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      chunks.push(bytes);
    },
    error: (error) => {
      failure = error;
    },
  });
  encoder.configure({
    codec: 'avc1.42E01F',
    width,
    height,
    bitrate,
    framerate: frameRate,
    latencyMode: 'realtime',
    avc: { format: 'annexb' },
  });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) {
    throw new Error('no canvas');
  }
  for (let i = 0; i < seconds * frameRate && !failure; i++) {
    context.fillStyle = `hsl(${(i * 3) % 360} 60% 40%)`;
    context.fillRect(0, 0, width, height);
    for (let j = 0; j < 100; j++) {
      context.fillStyle = `hsl(${Math.random() * 360} 70% 60%)`;
      context.fillRect(Math.random() * width, Math.random() * height, 24, 24);
    }
    context.fillStyle = 'white';
    context.fillRect((i * 8) % width, 0, 16, height);
    const frame = new VideoFrame(canvas, { timestamp: Math.round((i * 1e6) / frameRate) });
    encoder.encode(frame, { keyFrame: i % (keyframeEvery * frameRate) === 0 });
    frame.close();
    if (encoder.encodeQueueSize > 8) {
      await new Promise((resolve) => encoder.addEventListener('dequeue', resolve, { once: true }));
    }
  }
  await encoder.flush();
  if (failure) {
    throw failure;
  }
  const reader = new FileReader();
  const read = new Promise((resolve) => reader.addEventListener('load', resolve));
  reader.readAsDataURL(new Blob(chunks));
  await read;
  return String(reader.result).split(',')[1] ?? '';
}
