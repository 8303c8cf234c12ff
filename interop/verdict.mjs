/** What it means that a player has decoded what was sent. */

/** The mean difference that a codec may make, in steps of 255: several times what is seen, a tenth of that of another picture. */
const maxError = 10;

/** The share of frames whose number may be damaged: Chromium's encoder of AV1 now and then leaves a block for the next frame. */
const maxDamaged = 0.05;

/** What the tone may be off by, Hz: its period is read in samples. */
const maxDetune = 10;

/**
 * Says what is wrong with a report.
 * @param {import('./page_picture.mjs').Report} report
 * @param {number} frames at least
 * @returns {string[]}
 */
export function complaints(report, frames) {
  const { numbers, rising, damaged, error, loudness, pitch } = report;
  /** @type {[boolean, string][]} */
  const rules = [
    [report.frames >= frames, `only ${report.frames} of ${frames} frames came`],
    [rising, `the numbers of the frames do not rise (${numbers.join(' to ')})`],
    [damaged <= report.frames * maxDamaged, `${damaged} frames were damaged`],
    [error !== null && error <= maxError, `the picture is off by ${error}, and may be by ${maxError}`],
    [loudness > 0.1, `the sound's loudness is ${loudness}`],
    [Math.abs(pitch - 440) <= maxDetune, `the tone of 440 Hz came with ${pitch} Hz`],
  ];
  return rules.filter(([holds]) => !holds).map(([, complaint]) => complaint);
}
