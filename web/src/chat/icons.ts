/** The signs of the chat, drawn on a 24 x 24 grid. */
import { svg } from 'lit';

const icon = (shape: unknown) =>
  svg`<svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shape}</svg>`;

export const replyIcon = icon(svg`<path d="M9 6 4 11l5 5M4 11h9a7 7 0 0 1 7 7v1"/>`);
export const moreIcon = icon(svg`<path d="M12 5.500v.01M12 12v.01M12 18.500v.01" stroke-width="3"/>`);
export const sendIcon = icon(svg`<path d="M4 12 20 4l-5 16-3.500-6.500z"/>`);
export const closeIcon = icon(svg`<path d="m6 6 12 12M18 6 6 18"/>`);
export const downIcon = icon(svg`<path d="M12 5v14M6 13l6 6 6-6"/>`);
export const pinIcon = icon(svg`<path d="M9 4h6l-1 7 3 3H7l3-3zM12 14v6"/>`);
export const settingsIcon = icon(
  svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
);
export const peopleIcon = icon(
  svg`<circle cx="9" cy="8" r="3.500"/><path d="M3 20c0-3.500 2.500-6 6-6s6 2.500 6 6M16 5a3.500 3.500 0 0 1 0 6.500M18 14.500c2 .8 3 2.800 3 5.500"/>`,
);
export const smileIcon = icon(
  svg`<circle cx="12" cy="12" r="9"/><path d="M9 9.500v.01M15 9.500v.01M8 14c2 3 6 3 8 0"/>`,
);
