import { css } from 'lit';
import { dialogStyle } from './styles-dialog.ts';
import { overlayStyle, rowStyle } from './styles-rows.ts';
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

  .pinned > svg {
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

export const chatStyle = [base, rowStyle, writeStyle, dialogStyle, overlayStyle];
