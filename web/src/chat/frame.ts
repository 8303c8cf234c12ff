/** What stands around the messages: the heading, the state, the pinned message, refusals. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Say } from '../i18n/chat.ts';
import type { ChatClient, ChatError } from './client.ts';
import { closeIcon, peopleIcon, pinIcon, settingsIcon } from './icons.ts';
import { isAtLeast } from './protocol.ts';
import type { Room } from './room.ts';
import { span, stateWords } from './words.ts';

export function heading(
  room: Room,
  open: boolean,
  say: Say,
  show: (view: 'people' | 'settings') => void,
): TemplateResult {
  const button = (view: 'people' | 'settings', sign: unknown) => html`
    <button type="button" class="icon ${view}-button" aria-haspopup="dialog" aria-label=${say(view)} title=${say(view)}
      ?disabled=${!open} @click=${() => show(view)}>${sign}</button>`;
  return html`
    <header>
      <h2 part="title">${say('title')}</h2>
      <span class="viewers">${open ? say('viewers', { count: room.viewers }) : nothing}</span>
      ${button('people', peopleIcon)} ${button('settings', settingsIcon)}
    </header>`;
}

export function stateBar(client: ChatClient, say: Say): TemplateResult {
  const words = stateWords(client, say);
  const elsewhere = client.state === 'ended' && client.error?.code === 'full';
  return html`
    <div class="state" role="status">${words ? html`<p>${words}</p>` : nothing}
      ${elsewhere ? html`<button type="button" class="plain" @click=${() => client.start()}>${say('state.again')}</button>` : nothing}
    </div>`;
}

export function pinnedBar({ settings, you }: Room, say: Say, unpin: () => void): TemplateResult | typeof nothing {
  const { pinned } = settings;
  if (!pinned) {
    return nothing;
  }
  const off = say('pinned.off');
  return html`
    <div class="pinned">${pinIcon}
      <p><strong>${say('pinned')}</strong> <bdi>${pinned.from.name}</bdi>: <span dir="auto">${pinned.text}</span></p>
      ${
        isAtLeast(you, 'moderator')
          ? html`<button type="button" class="icon" aria-label=${off} title=${off} @click=${unpin}>${closeIcon}</button>`
          : nothing
      }
    </div>`;
}

export function refusalBar(
  trouble: ChatError | undefined,
  words: (error: ChatError) => string,
  say: Say,
  dismiss: () => void,
) {
  return html`
    <div class="trouble" role="alert">${
      trouble
        ? html`
            <p>${words(trouble)}</p>
            <button type="button" class="icon" aria-label=${say('close')} @click=${dismiss}>${closeIcon}</button>`
        : nothing
    }</div>`;
}

/** What the empty field says: what holds in the room, or who writes. */
export function hintOf(room: Room, say: Say): string {
  const { settings, silentUntil, you, invited } = room;
  const free = isAtLeast(you, 'moderator');
  const silence = (silentUntil - Date.now()) / 1000;
  if (silence > 0) {
    return say('write.silent', { time: span(silence, say) });
  }
  if (!free && settings.followers && !invited) {
    return say('write.hint.followers');
  }
  if (!free && settings.slow > 0) {
    return say('write.hint.slow', { time: span(settings.slow, say) });
  }
  return you ? say('write.as', { name: you.name }) : say('write');
}
