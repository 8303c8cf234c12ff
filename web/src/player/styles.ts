import { css } from 'lit';

/** The look of the player. It lies upon pictures, so it is dark in both color schemes. */
export const playerStyle = css`
  :host {
    --accent: var(--bongsu-accent, #ff8a4c);
    --ink: var(--bongsu-text, #f6f2ed);
    --shade: var(--bongsu-shade, rgb(20 17 15 / 82%));
    --face: var(
      --bongsu-font,
      system-ui,
      -apple-system,
      "Segoe UI",
      Roboto,
      "Apple SD Gothic Neo",
      "Malgun Gothic",
      "Noto Sans KR",
      "Noto Sans CJK KR",
      sans-serif
    );
    display: block;
    position: relative;
    min-width: 0;
    aspect-ratio: var(--bongsu-aspect-ratio, 16 / 9);
    overflow: hidden;
    border-radius: var(--bongsu-radius, 0);
    background: #000;
    color: var(--ink);
    font: 400 1rem / 1.45 var(--face);
  }

  :host([hidden]) {
    display: none;
  }

  media-controller:lang(ko) {
    word-break: keep-all;
  }

  media-controller {
    --media-font-family: var(--face);
    --media-primary-color: var(--ink);
    --media-text-color: var(--ink);
    --media-secondary-color: transparent;
    --media-control-background: transparent;
    --media-control-hover-background: rgb(255 255 255 / 16%);
    --media-focus-box-shadow: inset 0 0 0 2px var(--accent);
    --media-range-bar-color: var(--accent);
    --media-range-track-background: rgb(255 255 255 / 35%);
    --media-range-track-border-radius: 2px;
    --media-range-thumb-background: var(--ink);
    --media-tooltip-background-color: var(--shade);
    display: block;
    width: 100%;
    height: 100%;
    outline-offset: -2px;
    container-type: inline-size;
  }

  media-controller:focus-visible {
    outline: 2px solid var(--accent);
  }

  media-control-bar {
    position: relative;
    z-index: 1;
    align-items: center;
    gap: 2px;
    padding: 1.5rem 4px 4px;
    background: linear-gradient(transparent, rgb(0 0 0 / 78%));
  }

  media-control-bar > * {
    border-radius: 6px;
  }

  media-volume-range {
    width: 5.5rem;
  }

  .space {
    flex: 1;
  }

  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.5em;
    border: 0;
    border-radius: 6px;
    background: transparent;
    color: inherit;
    font: inherit;
    font-weight: 600;
    line-height: 1.2;
    cursor: pointer;
    pointer-events: auto;
  }

  button:hover {
    background: rgb(255 255 255 / 16%);
  }

  button:focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }

  svg {
    flex: none;
    fill: currentColor;
  }

  .icon {
    width: 44px;
    height: 44px;
    padding: 10px;
  }

  .icon[aria-pressed="true"] {
    color: var(--accent);
  }

  .live-button {
    min-height: 44px;
    padding: 0 0.75em;
    color: #cfc8bf;
    font-size: 0.8125rem;
    font-weight: 700;
    letter-spacing: 0.04em;
    white-space: nowrap;
  }

  .live-button::before {
    content: "";
    width: 0.6em;
    height: 0.6em;
    border-radius: 50%;
    background: #a39b91;
  }

  .live-button[data-live] {
    color: var(--ink);
    cursor: default;
  }

  .live-button[data-live]:hover {
    background: transparent;
  }

  .live-button[data-live]::before {
    background: var(--accent);
    box-shadow: 0 0 0 3px color-mix(in srgb, var(--accent) 35%, transparent);
  }

  .big {
    min-height: 56px;
    padding: 0 1.5em;
    border-radius: 999px;
    background: var(--shade);
    font-size: 1.0625rem;
    box-shadow:
      0 0 0 1px rgb(255 255 255 / 28%),
      0 6px 24px rgb(0 0 0 / 45%);
  }

  .big:hover {
    background: rgb(60 52 45 / 92%);
  }

  .big svg {
    width: 28px;
    height: 28px;
    color: var(--accent);
  }

  .overlay {
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: safe center;
    gap: 0.6rem;
    width: 100%;
    height: 100%;
    padding: 1rem clamp(1rem, 6cqi, 3rem) 3.25rem;
    box-sizing: border-box;
    overflow: auto;
    pointer-events: none;
    background: rgb(12 10 9 / 76%);
    line-height: 1.45;
    text-align: center;
    text-wrap: balance;
    animation: appear 200ms 250ms both;
  }

  :host(:not([controls])) .overlay {
    padding-bottom: 1rem;
  }

  .overlay > svg {
    width: clamp(32px, 11cqi, 56px);
    height: auto;
    color: var(--accent);
  }

  .overlay.busy > svg {
    animation: glow 1.8s ease-in-out infinite alternate;
  }

  .overlay.failed > svg {
    color: #a39b91;
  }

  .overlay strong {
    font-size: clamp(0.9375rem, 3.6cqi, 1.25rem);
    line-height: 1.3;
  }

  .overlay p {
    max-width: 34em;
    margin: 0;
    color: #ddd5cb;
    font-size: clamp(0.8125rem, 2.9cqi, 1rem);
  }

  .overlay button {
    flex: none;
    min-height: 44px;
    margin-top: 0.35rem;
    padding: 0 1.25em;
    background: var(--accent);
    color: #231006;
  }

  .overlay button:hover {
    background: color-mix(in srgb, var(--accent), #fff 22%);
  }

  /* The room that is left above the controls; what is in it depends on how much that is. */
  .board {
    flex: 0 1 100%;
    width: 100%;
    min-height: 0;
    container-type: size;
    pointer-events: none;
  }

  .board > * {
    pointer-events: auto;
  }

  .pill {
    align-self: center;
    margin: 0.75rem;
    padding: 0.45em 1em;
    border-radius: 999px;
    background: var(--shade);
    font-size: 0.875rem;
    font-weight: 600;
    line-height: 1.3;
    animation: appear 200ms 250ms both;
  }

  @keyframes appear {
    from {
      opacity: 0;
    }
  }

  @keyframes glow {
    from {
      opacity: 0.45;
    }
  }

  @media (prefers-reduced-motion: reduce) {
    .overlay.busy > svg {
      animation: none;
    }
  }

  .status {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @container (width < 26rem) {
    media-control-bar {
      padding-top: 0.5rem;
    }

    media-volume-range {
      display: none;
    }

    .big {
      min-height: 48px;
    }

    .overlay {
      gap: 0.35rem;
      padding: 0.5rem 0.75rem 3rem;
      line-height: 1.35;
    }

    .overlay.failed > svg {
      display: none;
    }

    .overlay button {
      min-height: 36px;
      margin-top: 0.1rem;
    }
  }
`;
