import { css } from 'lit';
import { dialogStyle } from './styles-dialog.ts';
import { writeStyle } from './styles-write.ts';

/** The look of the chat: the colors of the pages, so that it also stands alone on other sites. Texts keep a contrast of 4.5:1. */
const base = css`
  :host {
    --accent: var(--bongsu-accent, light-dark(#b8400e, #ff8a4c));
    --on-accent: light-dark(#ffffff, #231006);
    --soft: light-dark(#fbe9df, #3a2318);
    --surface: light-dark(#ffffff, #201d1a);
    --raised: light-dark(#f1efeb, #2a2622);
    --text: light-dark(#211e1a, #f2eee8);
    --muted: light-dark(#635d55, #aea69b);
    --line: light-dark(#dedad3, #3a352f);
    --outline: light-dark(#8d867c, #7c746a);
    --bad: light-dark(#ad1f2d, #ff8f8f);
    --bad-soft: light-dark(#fbe7e8, #3b1d1f);
    --focus: 2px solid var(--accent);
    --size: var(--bongsu-chat-size, 0.9375rem);
    display: block;
    position: relative;
    min-width: 0;
    min-height: 12rem;
    color: var(--text);
    background: var(--surface);
    font: 400 1rem / 1.45
      var(
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
  }

  :host([hidden]) {
    display: none;
  }

  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  p,
  h2,
  h3,
  ul {
    margin: 0;
    padding: 0;
  }

  ul {
    list-style: none;
  }

  bongsu-chat-list,
  bongsu-chat-composer,
  bongsu-chat-reactions,
  bongsu-chat-room-settings {
    display: block;
    min-height: 0;
    min-width: 0;
  }

  bongsu-chat-panel,
  bongsu-chat-menu {
    display: contents;
  }

  .chat {
    display: grid;
    grid-template: auto auto auto minmax(0, 1fr) auto auto / minmax(0, 1fr);
    height: 100%;
    min-height: inherit;
    overflow: hidden;
    border-radius: inherit;
  }

  .chat:lang(ko) {
    word-break: keep-all;
  }

  .middle {
    position: relative;
    display: grid;
    grid-template-rows: minmax(0, 1fr) auto;
    min-height: 0;
    grid-row: 4;
  }

  .trouble {
    grid-row: 5;
  }

  header {
    display: flex;
    align-items: center;
    gap: 0.5rem;
    min-height: 3rem;
    padding: 0 0.25rem 0 1rem;
    border-bottom: 1px solid var(--line);
  }

  h2 {
    font-size: 1rem;
  }

  .viewers {
    flex: 1;
    color: var(--muted);
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }

  button {
    color: inherit;
    font: inherit;
    cursor: pointer;
  }

  button:disabled {
    opacity: 0.5;
    cursor: not-allowed;
  }

  :focus-visible {
    outline: var(--focus);
    outline-offset: -2px;
  }

  .icon {
    display: inline-grid;
    flex: none;
    place-items: center;
    width: 2.75rem;
    height: 2.75rem;
    border: 0;
    border-radius: 0.5rem;
    background: transparent;
    color: var(--muted);
  }

  .icon:hover:not(:disabled) {
    background: var(--raised);
    color: var(--text);
  }

  svg {
    flex: none;
  }

  .state:empty,
  .trouble:empty {
    display: none;
  }

  .state:has(p),
  .trouble:has(p),
  .pinned {
    display: flex;
    align-items: center;
    gap: 0.5rem;
    padding: 0.5rem 1rem;
    border-bottom: 1px solid var(--line);
    background: var(--raised);
    font-size: 0.875rem;
  }

  .trouble:has(p) {
    padding-block: 0;
    padding-right: 0.25rem;
    border: 0;
    border-left: 4px solid var(--bad);
    background: var(--bad-soft);
  }

  .state p,
  .trouble p,
  .pinned p {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .pinned {
    grid-row: 3;
    padding-block: 0.25rem;
    padding-right: 0.25rem;
  }

  .pinned p {
    display: -webkit-box;
    overflow: hidden;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
  }

  .pinned svg {
    color: var(--accent);
  }

  .empty {
    position: absolute;
    inset: 0 0 3rem;
    display: grid;
    place-content: center;
    padding: 1rem;
    color: var(--muted);
    text-align: center;
    pointer-events: none;
  }

  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;

const rows = css`
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
const overlay = css`
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

export const chatStyle = [base, rows, writeStyle, dialogStyle, overlay];
