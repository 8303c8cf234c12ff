import { css } from 'lit';

/** The look of what is written and pressed: the field, names to complete, reactions, the way to the latest. */
export const writeStyle = css`
  bongsu-chat-composer {
    grid-row: 6;
    position: relative;
    padding: 0.5rem;
    padding-bottom: max(0.5rem, env(safe-area-inset-bottom));
    border-top: 1px solid var(--line);
  }

  .composer {
    display: flex;
    gap: 0.5rem;
    align-items: end;
  }

  textarea,
  input:not([type="checkbox"]),
  select {
    min-width: 0;
    min-height: 2.75rem;
    padding: 0.5rem 0.75rem;
    border: 1px solid var(--outline);
    border-radius: 0.5rem;
    background: var(--surface);
    color: inherit;
    font: inherit;
  }

  textarea {
    width: 100%;
    resize: none;
  }

  /* As high as the text: a copy of it, that is not seen, makes room. */
  .grow {
    display: grid;
    flex: 1;
    min-width: 0;
    max-height: 8.5rem;
  }

  .grow > textarea,
  .grow::after {
    grid-area: 1 / 1;
    min-height: 2.75rem;
    max-height: inherit;
    padding: 0.5625rem 0.75rem;
    border: 1px solid var(--outline);
    font: inherit;
    line-height: 1.5;
  }

  .grow::after {
    content: attr(data-text) " ";
    overflow: hidden auto;
    visibility: hidden;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }

  ::placeholder {
    color: var(--muted);
    opacity: 1;
  }

  .composer textarea::placeholder {
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
  }

  [aria-invalid="true"] {
    border-color: var(--bad);
  }

  .send {
    display: grid;
    place-items: center;
    min-width: 2.75rem;
    height: 2.75rem;
    padding: 0 0.5rem;
    border: 0;
    border-radius: 0.5rem;
    background: var(--accent);
    color: var(--on-accent);
  }

  .send:disabled {
    background: var(--raised);
    color: var(--muted);
    opacity: 1;
  }

  .send:focus-visible {
    outline-offset: 2px;
  }

  .wait {
    font-size: 0.875rem;
    font-variant-numeric: tabular-nums;
  }

  .count {
    color: var(--muted);
    font-size: 0.75rem;
    text-align: end;
  }

  .count:empty {
    display: none;
  }

  .count.over,
  .bad {
    color: var(--bad);
    font-weight: 600;
  }

  .answering {
    display: flex;
    align-items: center;
    gap: 0.5rem;
    margin-bottom: 0.25rem;
    padding-left: 0.5rem;
    border-left: 3px solid var(--accent);
    font-size: 0.875rem;
  }

  .answering p {
    flex: 1;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .names {
    position: absolute;
    bottom: 100%;
    left: 0.5rem;
    right: 0.5rem;
    z-index: 2;
    overflow: hidden;
    border: 1px solid var(--line);
    border-radius: 0.5rem;
    background: var(--surface);
    box-shadow: 0 4px 16px rgb(0 0 0 / 25%);
  }

  .names li {
    display: flex;
    align-items: center;
    min-height: 2.5rem;
    padding: 0 0.75rem;
    cursor: pointer;
  }

  .names li[aria-selected="true"] {
    background: var(--soft);
    box-shadow: inset 3px 0 var(--accent);
  }

  .reactions {
    display: flex;
    justify-content: center;
    gap: 0.25rem;
    padding: 0.25rem 0.5rem;
  }

  .reactions button {
    width: 2.75rem;
    height: 2.25rem;
    padding: 0;
    border: 0;
    border-radius: 0.5rem;
    background: none;
    font-size: 1.25rem;
    line-height: 1;
  }

  .reactions button:hover:not(:disabled) {
    background: var(--raised);
  }

  .reactions button:active:not(:disabled) {
    transform: scale(1.2);
  }

  .rising {
    position: absolute;
    inset: 0;
    z-index: 1;
    overflow: hidden;
    pointer-events: none;
  }

  .rising span {
    position: absolute;
    bottom: 2.5rem;
    font-size: 1.75rem;
    text-shadow: 0 1px 4px rgb(0 0 0 / 30%);
    animation: rise 2.4s ease-out forwards;
  }

  .rising small {
    font-size: 0.5em;
    font-weight: 700;
  }

  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(0.5rem) scale(0.6);
    }

    15% {
      opacity: 1;
      transform: translateY(-1rem) scale(1.1);
    }

    60% {
      opacity: 1;
    }

    to {
      opacity: 0;
      transform: translateY(-11rem) scale(1);
    }
  }

  .latest {
    position: absolute;
    bottom: 3.25rem;
    left: 50%;
    z-index: 2;
    display: inline-flex;
    align-items: center;
    gap: 0.5rem;
    min-height: 2.5rem;
    padding: 0 1rem 0 0.75rem;
    transform: translateX(-50%);
    border: 1px solid var(--outline);
    border-radius: 999px;
    background: var(--surface);
    box-shadow: 0 2px 10px rgb(0 0 0 / 20%);
    font-size: 0.875rem;
    font-weight: 600;
    white-space: nowrap;
  }

  .latest.unread {
    border-color: var(--accent);
    background: var(--accent);
    color: var(--on-accent);
  }
`;
