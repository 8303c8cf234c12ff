import { css } from 'lit';

/** The look of menus and dialogs. */
export const dialogStyle = css`
  .menu {
    inset: 0 auto auto 0;
    width: max-content;
    max-width: min(20rem, calc(100vw - 8px));
    max-height: calc(100dvh - 8px);
    margin: 0;
    padding: 0.25rem;
    overflow-y: auto;
    border: 1px solid var(--line);
    border-radius: 0.5rem;
    background: var(--surface);
    color: var(--text);
    box-shadow: 0 8px 24px rgb(0 0 0 / 25%);
    font-size: 0.9375rem;
  }

  .menu button {
    display: block;
    width: 100%;
    min-height: 2.5rem;
    padding: 0.25rem 0.75rem;
    border: 0;
    border-radius: 0.375rem;
    background: none;
    text-align: start;
    overflow-wrap: anywhere;
  }

  .menu button:hover,
  .menu button:focus {
    background: var(--raised);
  }

  .grave {
    color: var(--bad);
  }

  .panel {
    width: min(28rem, 100vw - 1rem);
    max-width: none;
    max-height: calc(100dvh - 1rem);
    padding: 0;
    overflow-y: auto;
    border: 1px solid var(--line);
    border-radius: 0.875rem;
    background: var(--surface);
    color: var(--text);
  }

  .panel::backdrop {
    background: rgb(0 0 0 / 45%);
  }

  .sheet {
    display: grid;
    gap: 1rem;
    padding: 0 1rem 1.25rem;
  }

  .sheet > header {
    position: sticky;
    top: 0;
    z-index: 1;
    justify-content: space-between;
    margin: 0 -1rem;
    background: var(--surface);
  }

  h3 {
    font-size: 1rem;
  }

  .field,
  details > form,
  details[open] {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.5rem;
  }

  .field > label,
  summary {
    font-weight: 600;
  }

  label.line,
  label.check {
    font-weight: 400;
  }

  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem;
  }

  .line > input {
    flex: 1 1 10rem;
  }

  .check {
    display: flex;
    align-items: flex-start;
    gap: 0.5rem;
  }

  .check input {
    flex: none;
    width: 1.15rem;
    height: 1.15rem;
    margin: 0.15rem 0 0;
    accent-color: var(--accent);
  }

  summary {
    min-height: 2.25rem;
    align-content: center;
    cursor: pointer;
  }

  .plain {
    min-height: 2.5rem;
    padding: 0.25rem 0.75rem;
    border: 1px solid var(--outline);
    border-radius: 0.5rem;
    background: var(--surface);
    font-weight: 600;
  }

  .plain:hover {
    background: var(--raised);
  }

  .small {
    color: var(--muted);
    font-size: 0.8125rem;
  }

  .small.bad {
    color: var(--bad);
  }

  .small:empty {
    display: none;
  }

  .link {
    font-size: 0.8125rem;
  }

  .people {
    display: grid;
    gap: 0.25rem;
  }

  .people li {
    display: flex;
    align-items: center;
    gap: 0.5rem;
    min-height: 2.75rem;
  }

  .whole {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }
`;
