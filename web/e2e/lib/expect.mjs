/** What it means that a broadcast works. */
import { expect } from 'vitest';
import { firstFrame, observe } from './inpage.mjs';

/**
 * Waits for the picture, and expects that it moves and that its sound can be heard.
 * @param {import('./inpage.mjs').Place} place
 */
export async function expectShow(place) {
  await firstFrame(place);
  const seen = await observe(place);
  expect.soft(seen.frames, 'frames in 1.5 s').toBeGreaterThan(10);
  expect.soft(seen.change, 'change of the picture').toBeGreaterThan(0.5);
  expect.soft(seen.width, 'width of the picture').toBeGreaterThan(0);
  expect.soft(seen.muted, 'muted').toBe(false);
  expect.soft(seen.loudness, 'loudness').toBeGreaterThan(0.001);
  expect.soft(seen.audioEnergy, 'energy of the sound').toBeGreaterThan(0);
  return seen;
}
