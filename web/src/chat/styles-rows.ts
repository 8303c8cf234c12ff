import { css } from 'lit';

/** The look of what is said. */
export const rowStyle = css`
  .scroller {
    height: 100%;
    overflow: hidden auto;
    overflow-anchor: none;
    overscroll-behavior: contain;
    scrollbar-width: thin;
  }

  .space {
    position: relative;
    overflow: hidden;
  }

  .rows {
    position: absolute;
    inset: 0 0 auto;
  }

  .row {
    position: relative;
    padding: 0.25rem 1rem;
    font-size: var(--size);
    overflow-wrap: anywhere;
  }

  .row:hover,
  .row:focus-within {
    background: var(--raised);
  }

  .row.called {
    background: var(--soft);
    box-shadow: inset 3px 0 var(--accent);
  }

  .row.flash {
    animation: flash 2s;
  }

  @keyframes flash {
    from,
    60% {
      background: var(--soft);
    }
  }

  .notice-row p {
    color: var(--muted);
    font-size: 0.875em;
    text-align: center;
  }

  .divider {
    display: flex;
    align-items: center;
    gap: 0.5rem;
    padding-bottom: 0.25rem;
    color: var(--accent);
    font-size: 0.75rem;
    font-weight: 700;
  }

  .divider::before,
  .divider::after {
    content: "";
    flex: 1;
    height: 1px;
    background: currentColor;
  }

  .name {
    font-weight: 700;
  }

  .color-0 { color: light-dark(#a3330a, #ff9c6b); }
  .color-1 { color: light-dark(#7a5200, #e8b24a); }
  .color-2 { color: light-dark(#3d6b12, #9fd06a); }
  .color-3 { color: light-dark(#0b6b56, #5fd1b3); }
  .color-4 { color: light-dark(#0f6287, #6cc3ee); }
  .color-5 { color: light-dark(#3450b8, #9db2ff); }
  .color-6 { color: light-dark(#7a3bb0, #cf9fff); }
  .color-7 { color: light-dark(#a62a6b, #ff94c8); }

  .own,
  .badge {
    margin-inline: 0.25em;
    padding: 0 0.4em;
    border-radius: 0.3em;
    background: var(--raised);
    color: var(--muted);
    font-size: 0.75em;
    font-weight: 600;
    white-space: nowrap;
  }

  .badge {
    margin-inline-start: 0;
    background: var(--soft);
    color: light-dark(#97330a, #ffa270);
  }

  .row:hover .own,
  .row:focus-within .own {
    background: var(--line);
  }

  time {
    margin-inline: 0.4em 0.5em;
    color: var(--muted);
    font-size: 0.75em;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }

  .text {
    white-space: pre-line;
    unicode-bidi: isolate;
  }

  a {
    color: var(--accent);
  }

  .mention {
    font-weight: 600;
  }

  .mention.me {
    padding: 0 0.2em;
    border-radius: 0.25em;
    background: var(--accent);
    color: var(--on-accent);
  }

  .quote {
    display: flex;
    align-items: center;
    gap: 0.25rem;
    width: 100%;
    padding: 0;
    border: 0;
    background: none;
    color: var(--muted);
    font-size: 0.8125em;
    text-align: start;
  }

  .quote svg {
    width: 1em;
    height: 1em;
    transform: scaleX(-1);
  }

  .quote span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .tools {
    position: absolute;
    right: 0.5rem;
    top: -0.5rem;
    z-index: 1;
    display: flex;
    border: 1px solid var(--line);
    border-radius: 0.5rem;
    background: var(--surface);
    opacity: 0;
    pointer-events: none;
  }

  .row:hover .tools,
  .row:focus-within .tools {
    opacity: 1;
    pointer-events: auto;
  }

  .tools button {
    display: grid;
    place-items: center;
    width: 2rem;
    height: 2rem;
    border: 0;
    border-radius: 0.5rem;
    background: none;
    color: var(--muted);
  }

  @media (pointer: coarse) {
    .tools button {
      width: 2.75rem;
      height: 2.75rem;
    }
  }

  .tools button:hover {
    background: var(--raised);
    color: var(--text);
  }

  /* The first row has no room above. */
  .row[aria-posinset="1"] .tools {
    top: 0;
  }
`;

/** For OBS and the like: only words, upon whatever is behind. */
export const overlayStyle = css`
  :host([overlay]) {
    --text: #fff;
    --muted: rgb(255 255 255 / 80%);
    --size: var(--bongsu-chat-size, 1.75rem);
    color-scheme: dark;
    background: transparent;
    text-shadow:
      0 0 3px #000,
      0 1px 2px #000,
      0 2px 8px rgb(0 0 0 / 80%);
  }

  :host([overlay]) .scroller {
    overflow: hidden;
    scrollbar-width: none;
  }

  /* From the bottom up. */
  :host([overlay]) .scroller {
    display: flex;
    flex-direction: column;
  }

  :host([overlay]) .space {
    flex: none;
    margin-top: auto;
  }

  :host([overlay]) .chat {
    pointer-events: none;
  }

  :host([overlay]) .row,
  :host([overlay]) .row.called {
    background: none;
    box-shadow: none;
  }

  :host([overlay]) :is(time, .divider, .own) {
    display: none;
  }

  :host([overlay]) .name::after {
    content: "\\00a0 ";
  }

  :host([overlay]) .badge {
    text-shadow: none;
  }

  :host([overlay]) .mention.me {
    background: none;
    color: inherit;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
