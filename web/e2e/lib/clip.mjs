/** A video file with the group of pictures that we want, encoded by the browser itself: nothing else has to be installed. */

/**
 * @typedef {object} ClipOptions
 * @property {'h264' | 'vp8'} codec
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
 * @returns {Promise<Buffer>} H.264 as an Annex B byte stream with the parameter sets before each keyframe, VP8 as IVF
 */
export async function makeClip(page, options) {
  const frames = Buffer.from(await page.evaluate(encode, options), 'base64');
  return options.codec === 'vp8' ? Buffer.concat([ivfHeader(options), frames]) : frames;
}

/** @param {ClipOptions} options */
function ivfHeader({ width, height, frameRate, seconds }) {
  const header = Buffer.alloc(32);
  header.write('DKIF');
  header.writeUInt16LE(header.length, 6);
  header.write('VP80', 8);
  header.writeUInt16LE(width, 12);
  header.writeUInt16LE(height, 14);
  header.writeUInt32LE(frameRate, 16);
  header.writeUInt32LE(1, 20); // a time unit is 1/frameRate s
  header.writeUInt32LE(seconds * frameRate, 24);
  return header;
}

/**
 * Runs in the page.
 * @param {ClipOptions} options
 * @returns {Promise<string>} base64
 */
async function encode({ codec, seconds, keyframeEvery, frameRate, bitrate, width, height }) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  /** @type {unknown} */
  let failure;
  let count = 0;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      if ((chunk.type === 'key') !== (count % (keyframeEvery * frameRate) === 0)) {
        failure ??= new Error(`frame ${count} must not be a ${chunk.type} frame`);
      }
      if (codec === 'vp8') {
        const header = new DataView(new ArrayBuffer(12)); // of an IVF frame: size, time
        header.setUint32(0, chunk.byteLength, true);
        header.setUint32(4, count, true);
        chunks.push(new Uint8Array(header.buffer));
      }
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      chunks.push(bytes);
      count++;
    },
    error: (error) => {
      failure = error;
    },
  });
  encoder.configure({
    codec: codec === 'vp8' ? 'vp8' : 'avc1.42E01F',
    width,
    height,
    bitrate,
    framerate: frameRate,
    latencyMode: 'realtime',
    ...(codec === 'h264' && { avc: { format: 'annexb' } }),
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
  if (count !== seconds * frameRate) {
    failure ??= new Error(`the encoder dropped ${seconds * frameRate - count} frames`);
  }
  if (failure) {
    throw failure;
  }
  const reader = new FileReader();
  const read = new Promise((resolve) => reader.addEventListener('load', resolve));
  reader.readAsDataURL(new Blob(chunks));
  await read;
  return String(reader.result).split(',')[1] ?? '';
}
