/** A line of the chat as it is shown. All that people wrote goes into the page as text. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Say } from '../i18n/chat.ts';
import { moreIcon, replyIcon } from './icons.ts';
import type { RowPlace } from './list.ts';
import type { Message, Person } from './protocol.ts';
import type { Line, Room } from './room.ts';
import { colorOf } from './text.ts';
import { noticeWords } from './words.ts';

/** The colors of names that the styles have. */
export const nameColors = 8;

export interface RowContext {
  readonly say: Say;
  readonly room: Room;
  readonly language: string;
  /** The key of the first line that is new to the reader. */
  readonly marker: string;
  /** The key of the line that was jumped to. */
  readonly flash: string;
  /** Nothing to press, for overlays. */
  readonly plain: boolean;
  reply(message: Message): void;
  menu(message: Message, button: HTMLElement): void;
  jump(id: string): void;
}

/** Renders a line. */
export function chatRow(line: Line, place: RowPlace, context: RowContext): TemplateResult {
  const { say, marker, flash } = context;
  const isNew = line.key === marker;
  const divider = isNew ? html`<div class="divider" role="separator">${say('new')}</div>` : nothing;
  if (line.kind === 'notice') {
    return html`
      <div class="row notice-row" data-key=${line.key} role="article" tabindex=${place.current ? 0 : -1}
        aria-posinset=${place.position} aria-setsize=${place.size}>
        ${divider}<p>${noticeWords(line.notice, say)}</p>
      </div>`;
  }
  const { message } = line;
  const called = context.room.callsUs(message);
  return html`
    <div class="row ${called ? 'called' : ''} ${line.key === flash ? 'flash' : ''}" data-key=${line.key} role="article"
      tabindex=${place.current ? 0 : -1} aria-posinset=${place.position} aria-setsize=${place.size}
      @keydown=${(event: KeyboardEvent) => rowKey(event, message, context)}>
      ${divider}${message.reply ? quote(message.reply, place, context) : nothing}
      <p class="said">${who(message.from, context)}${when(message, context)}<bdi class="text" dir="auto">${parts(message, context)}</bdi></p>
      ${context.plain ? nothing : tools(message, place, context)}
    </div>`;
}

/** The name of somebody, with the role. */
export function who(person: Person, { say, room }: Pick<RowContext, 'say' | 'room'>): TemplateResult {
  const own = person.id === room.you?.id;
  return html`${badge(person, say)}<bdi class="name color-${colorOf(person.id, nameColors)}">${person.name}</bdi>${own ? html`<span class="own">${say('you')}</span>` : nothing}`;
}

function badge({ role }: Person, say: Say): TemplateResult | typeof nothing {
  return role === 'viewer' ? nothing : html`<span class="badge ${role}">${say(`role.${role}`)}</span>`;
}

function when({ time }: Message, { language }: RowContext): TemplateResult {
  const at = new Date(time);
  return html`<time datetime=${at.toISOString()} title=${at.toLocaleString(language)}>${at.toLocaleTimeString(language, { hour: 'numeric', minute: '2-digit' })}</time>`;
}

function parts(message: Message, { room }: RowContext): unknown[] {
  return room.parts(message).map((one) => {
    if (one.kind === 'link') {
      return html`<a href=${one.href} title=${one.href} target="_blank" rel="noopener noreferrer nofollow ugc">${one.text}</a>`;
    }
    return one.kind === 'mention' ? html`<span class="mention ${one.me ? 'me' : ''}">${one.text}</span>` : one.text;
  });
}

function quote(
  { id, name, text }: NonNullable<Message['reply']>,
  { current }: RowPlace,
  { say, jump, plain }: RowContext,
) {
  const words = say('replyTo', { name, text });
  return plain
    ? html`<p class="quote">${replyIcon}<span>${words}</span></p>`
    : html`
        <button type="button" class="quote" tabindex=${current ? 0 : -1} title=${say('reply.show', { name })}
          @click=${() => jump(id)}>${replyIcon}<span dir="auto">${words}</span></button>`;
}

function tools(message: Message, { current }: RowPlace, { say, reply, menu }: RowContext): TemplateResult {
  const open = (event: Event) => menu(message, event.currentTarget as HTMLElement);
  return html`
    <span class="tools">
      <button type="button" class="reply" tabindex=${current ? 0 : -1} title=${say('menu.reply')}
        aria-label=${say('replying', { name: message.from.name })} @click=${() => reply(message)}>${replyIcon}</button>
      <button type="button" class="more" tabindex=${current ? 0 : -1} aria-haspopup="menu"
        aria-label=${say('menu.open', { name: message.from.name })} @click=${open}>${moreIcon}</button>
    </span>`;
}

/** Upon the row itself: Enter replies, the menu key or Shift+F10 opens the menu. */
function rowKey(event: KeyboardEvent, message: Message, { reply, menu, plain }: RowContext): void {
  const row = event.currentTarget as HTMLElement;
  if (event.target !== row || plain) {
    return;
  }
  if (event.key === 'Enter') {
    event.preventDefault();
    reply(message);
  } else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
    event.preventDefault();
    menu(message, row.querySelector<HTMLElement>('.more') ?? row);
  }
}
