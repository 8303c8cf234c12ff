/** The signs of the player, drawn for it on a 24 x 24 grid. */
import { svg } from 'lit';

const icon = (shape: unknown) =>
  svg`<svg viewBox="0 0 24 24" width="24" height="24" fill="currentColor" aria-hidden="true">${shape}</svg>`;

export const playIcon = icon(
  svg`<path d="M8 5.2v13.6a.8.8 0 0 0 1.2.7l11-6.8a.8.8 0 0 0 0-1.4l-11-6.8A.8.8 0 0 0 8 5.2z"/>`,
);

export const mutedIcon =
  icon(svg`<path d="M4 9v6h4l5 4.5v-15L8 9zm12.2.2-1.4 1.4 1.8 1.8-1.8 1.8 1.4 1.4 1.8-1.8 1.8 1.8
  1.4-1.4-1.8-1.8 1.8-1.8-1.4-1.4-1.8 1.8z"/>`);

export const statisticsIcon = icon(svg`<path d="M5 13h3v6H5zm5.5-8h3v14h-3zM16 9h3v10h-3z"/>`);

export const closeIcon = icon(
  svg`<path d="M6.4 5 5 6.4l5.6 5.6L5 17.6 6.4 19l5.6-5.6 5.6 5.6 1.4-1.4-5.6-5.6L19 6.4 17.6 5 12 10.6z"/>`,
);

/** The beacon: a fire on its tower. */
export const beaconIcon =
  icon(svg`<path d="M12.3 2c.4 2.6 3.7 4 3.7 7.2A4 4 0 0 1 12 13a4 4 0 0 1-4-3.8c0-1.9 1-3 1.9-3.9.1
  1 .5 1.7 1.2 2C11.6 5.7 11.4 3.6 12.3 2zM8.5 14.5h7l1 2h-9zM7 17.5h10l1.2 4.5H5.800z"/>`);
