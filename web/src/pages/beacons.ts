import { html, nothing, svg, type TemplateResult } from 'lit';

/** Feet of the five towers on the ridge. */
const places = [
  [24, 45],
  [62, 34],
  [100, 28],
  [138, 34],
  [176, 46],
] as const;

/**
 * Five beacon towers on a ridge, some of them lit: one fire told the old capital that all was well, five that it mattered
 * most. Decoration only.
 */
export function beacons(lit: number): TemplateResult {
  return html`
    <svg class="beacons" viewBox="0 0 200 56" aria-hidden="true">
      <path class="ridge" d="M0 50c18-4 30-9 46-13s32-10 54-10 38 8 54 11 32 9 46 12v6H0z"/>
      ${places.map(
        ([x, y], index) => svg`
          <g transform="translate(${x} ${y})" class=${index < lit ? 'lit' : ''}>
            <path class="tower" d="M-4-11h8l2 12h-12z"/>
            ${index < lit ? svg`<path class="flame" style="animation-delay:${index * -0.37}s" d="M0-25c1 3.5 4 4.5 4 8a4 4 0 0 1-8 0c0-1.6.7-2.6 1.5-3.400.3 1 .7 1.400 1.300 1.6C-1.400-21-1-23 0-25z"/>` : nothing}
          </g>`,
      )}
    </svg>`;
}

/** How many fires a live stream earns: one, and one more for each order of magnitude of viewers. */
export function firesFor(viewers: number): number {
  return Math.min(5, 1 + (viewers > 0 ? 1 + Math.floor(Math.log10(viewers)) : 0));
}
