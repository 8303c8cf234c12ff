/** The test picture of picture.py and its tone, in a page. It stands alone: it is sent as text. */

/**
 * @typedef {object} Report what a player has decoded
 * @property {number} first milliseconds to the first frame
 * @property {number} frames different ones whose number could be read
 * @property {number[]} numbers of the first and the last of them
 * @property {boolean} rising their numbers never fell
 * @property {number} damaged frames whose number could not be read
 * @property {number | null} error mean difference from what was sent, in steps of 255
 * @property {number} loudness of the sound, root mean square, 0 to 1
 * @property {number} pitch of the sound, Hz
 * @property {import('./page_talk.mjs').Heard | null} [talk] of those who talk
 *
 * @typedef {object} Picture
 * @property {() => MediaStream} film gives the test picture and the tone as they happen
 * @property {(video: HTMLVideoElement, frames: number) => Promise<Report>} look at what is played, until it is enough
 */

/** Runs before a page's own scripts, and leaves a Picture in `window.picture`. */
export function installPicture() {
  const [width, height, rate, bits, tone] = [320, 240, 20, 16, 440];
  const patience = 40_000;
  const bars = [191, 20].flatMap((g) => [191, 20].flatMap((r) => [191, 20].map((b) => [r, g, b])));

  /** Plays the tone. */
  const play = () => {
    const sound = new AudioContext();
    const output = sound.createMediaStreamDestination();
    const oscillator = new OscillatorNode(sound, { frequency: tone });
    oscillator.connect(new GainNode(sound, { gain: 0.5 })).connect(output);
    oscillator.start();
    return output.stream;
  };

  /** Draws the test picture again and again. */
  const film = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d');
    const noise = new OffscreenCanvas(2 * width, height / 2);
    const brush = noise.getContext('2d');
    if (!context || !brush) {
      throw new Error('no canvas');
    }
    const strip = brush.createImageData(noise.width, noise.height);
    for (let x = 0; x < noise.width * noise.height; x++) {
      const column = Math.floor((x % width) / (width / bars.length));
      const shift = Math.round(Math.random() * 40 - 20);
      const color = (bars[column] ?? []).map((value) => value + shift);
      strip.data.set([...color, 255], 4 * x);
    }
    brush.putImageData(strip, 0, 0);
    let number = 0;
    setInterval(() => {
      // The noise moves down in whole rows, so that its bars stay where they are.
      const shift = (number * 37) % (height / 2);
      context.drawImage(noise, (number % 2) * -width, shift);
      context.drawImage(noise, (number % 2) * -width, shift - height / 2);
      for (let i = 0; i < bits; i++) {
        const one = (number >> (bits - 1 - i)) & 1;
        for (const [row, white] of [one, 1 - one].entries()) {
          context.fillStyle = white ? '#fff' : '#000';
          context.fillRect((i * width) / bits, ((2 + row) * height) / 4, width / bits, height / 4);
        }
      }
      number = (number + 1) & 0xffff;
    }, 1000 / rate);
    const stream = canvas.captureStream(rate);
    for (const track of stream.getVideoTracks()) {
      track.contentHint = 'detail'; // the size stays, whatever the bitrate
    }
    for (const track of play().getAudioTracks()) {
      stream.addTrack(track);
    }
    return stream;
  };

  /** Gives the mean color of each cell of a row of 4, without its edges. @param {ImageData} picture @param {number} row @param {number} count */
  const cells = ({ data }, row, count) =>
    Array.from({ length: count }, (_, cell) => {
      const sum = [0, 0, 0];
      let pixels = 0;
      for (let y = Math.floor(((row + 0.25) * height) / 4); y < ((row + 0.75) * height) / 4; y++) {
        for (let x = Math.floor(((cell + 0.25) * width) / count); x < ((cell + 0.75) * width) / count; x++) {
          for (const i of [0, 1, 2]) {
            sum[i] = (sum[i] ?? 0) + (data[4 * (y * width + x) + i] ?? 0);
          }
          pixels++;
        }
      }
      return sum.map((value) => value / pixels);
    });

  /** @param {number[][]} seen @param {number[][]} sent */
  const difference = (seen, sent) =>
    seen.flatMap((color, i) => color.map((value, j) => Math.abs(value - (sent[i]?.[j] ?? 0))));

  /** Gives the number of a picture, or -1 if it is damaged, and its error. @param {ImageData} picture */
  const read = (picture) => {
    const [row, inverse] = [cells(picture, 2, bits), cells(picture, 3, bits)];
    /** @param {number[][]} colors */
    const white = (colors) => colors.map((color) => color.reduce((a, b) => a + b) > 3 * 127);
    const [ones, zeros] = [white(row), white(inverse)];
    /** @param {boolean[]} on */
    const sent = (on) => on.map((one) => Array(3).fill(one ? 255 : 0));
    const differences = [
      ...difference(cells(picture, 0, bars.length), bars),
      ...difference(cells(picture, 1, bars.length), bars),
      ...difference(row, sent(ones)),
      ...difference(inverse, sent(ones.map((one) => !one))),
    ];
    const error = differences.reduce((a, b) => a + b) / differences.length;
    const whole = ones.every((one, i) => one !== zeros[i]);
    return { number: whole ? ones.reduce((sum, one) => 2 * sum + Number(one), 0) : -1, error };
  };

  /** @param {HTMLVideoElement} video @param {number} wanted */
  const look = async (video, wanted) => {
    const began = performance.now();
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    /** @type {{ number: number, error: number }[]} */
    const seen = [];
    let [first, damaged] = [0, 0];
    await new Promise((resolve) => {
      setTimeout(resolve, patience);
      const take = () => {
        first ||= performance.now() - began;
        context?.drawImage(video, 0, 0, width, height);
        const frame = context && read(context.getImageData(0, 0, width, height));
        if (frame && frame.number < 0) {
          damaged++;
        } else if (frame && frame.number !== seen.at(-1)?.number) {
          seen.push(frame);
        }
        seen.length < wanted ? video.requestVideoFrameCallback(take) : resolve(undefined);
      };
      video.requestVideoFrameCallback(take);
    });
    const { loudness, pitch } = await listen(video);
    const numbers = seen.map(({ number }) => number);
    return {
      first: Math.round(first),
      frames: seen.length,
      numbers: numbers.length > 0 ? [numbers[0], numbers.at(-1)] : [],
      rising: numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0)),
      damaged,
      error:
        seen.length > 0 ? Math.round((10 * seen.reduce((sum, { error }) => sum + error, 0)) / seen.length) / 10 : null,
      loudness,
      pitch,
    };
  };

  /** Hears two thirds of a second. @param {HTMLVideoElement} video */
  const listen = async ({ srcObject }) => {
    const sound = new AudioContext();
    const analyser = new AnalyserNode(sound, { fftSize: 32768 });
    if (srcObject instanceof MediaStream) {
      sound.createMediaStreamSource(srcObject).connect(analyser);
    }
    const samples = new Float32Array(analyser.fftSize);
    const seconds = samples.length / sound.sampleRate;
    await new Promise((resolve) => setTimeout(resolve, 1500 * seconds));
    analyser.getFloatTimeDomainData(samples);
    const rises = [...samples.keys()].filter((i) => (samples[i - 1] ?? 1) <= 0 && (samples[i] ?? 0) > 0);
    const periods = rises.map((rise, i) => rise - (rises[i - 1] ?? rise)).slice(1);
    const period = periods.sort((a, b) => a - b)[periods.length >> 1] ?? 0; // the median, whatever was lost in between
    void sound.close();
    const loudness = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
    return { loudness: Math.round(loudness * 1000) / 1000, pitch: period && Math.round(sound.sampleRate / period) };
  };

  Object.defineProperty(globalThis, 'picture', { value: { film, look } });
}
