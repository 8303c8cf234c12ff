/** The dialogs of the chat: settings, and who is here. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import type { Say } from '../i18n/chat.ts';
import type { ChatError } from './client.ts';
import { closeIcon, moreIcon } from './icons.ts';
import { type ChatEvent, type ChatRequest, isAtLeast, type Person } from './protocol.ts';
import type { Room } from './room.ts';
import { who } from './row.ts';
import './room-settings.ts';

/** Asks the server; rejects with a ChatError. */
export type Ask = (request: ChatRequest) => Promise<ChatEvent>;

/**
 * It renders into itself, so that the styles around it apply.
 *
 * @fires {CustomEvent<{ person: Person, button: HTMLElement }>} person - Somebody's menu is wanted.
 * @fires {CustomEvent<string>} name - The reader wants this name.
 * @fires {CustomEvent<string>} credential - The reader says to be the administrator.
 */
export class ChatPanel extends LitElement {
  @property({ attribute: false }) say: Say = String;
  @property({ attribute: false }) room!: Room;
  /** Changes whenever the room does. */
  @property({ type: Number }) version = 0;
  @property({ attribute: false }) ask: Ask = () => Promise.reject();
  @property({ attribute: false }) explain: (error: ChatError) => string = String;
  @property({ attribute: false }) link: (invitation: string) => string = String;
  @property() language = 'en';
  @property() credential = '';

  @query('dialog') private readonly dialog!: HTMLDialogElement | null;
  @state() private view: 'settings' | 'people' | undefined;
  @state() private people: readonly Person[] = [];
  @state() private trouble = '';
  @state() private saved = false;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  async open(view: 'settings' | 'people'): Promise<void> {
    this.view = view;
    this.trouble = '';
    this.saved = false;
    await this.updateComplete;
    this.dialog?.showModal();
    if (view === 'people') {
      await this.refresh();
    }
  }

  /** Asks anew who is here. */
  async refresh(): Promise<void> {
    try {
      const answer = await this.ask({ type: 'members' });
      this.people = answer.type === 'members' ? answer.members : [];
    } catch {
      this.people = [...(this.room.you ? [this.room.you] : []), ...this.room.people];
    }
  }

  async #rename(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const name = String(new FormData(event.target as HTMLFormElement).get('name') ?? '').trim();
    this.trouble = '';
    this.saved = false;
    if (name === '' || name === this.room.you?.name) {
      return;
    }
    try {
      await this.ask({ type: 'nickname', name });
      this.saved = true;
      this.dispatchEvent(new CustomEvent('name', { detail: name }));
    } catch (error) {
      this.trouble = this.explain(error as ChatError);
    }
  }

  #administer(event: SubmitEvent): void {
    event.preventDefault();
    const credential = String(new FormData(event.target as HTMLFormElement).get('credential') ?? '').trim();
    this.dispatchEvent(new CustomEvent('credential', { detail: credential }));
  }

  protected override render(): TemplateResult {
    const { say, view } = this;
    return html`
      <dialog class="panel" aria-labelledby="panel-title" @close=${() => {
        this.view = undefined;
      }} @click=${this.#pressed}>
        ${
          view === undefined
            ? nothing
            : html`
                <div class="sheet">
                  <header>
                    <h2 id="panel-title">${say(view)}</h2>
                    <button type="button" class="icon" aria-label=${say('close')} title=${say('close')}
                      @click=${() => this.dialog?.close()}>${closeIcon}</button>
                  </header>
                  ${view === 'people' ? this.#list() : this.#settings()}
                </div>`
        }
      </dialog>`;
  }

  /** A press beside the sheet closes it. */
  #pressed(event: MouseEvent): void {
    if (event.target === this.dialog) {
      this.dialog?.close();
    }
  }

  #settings(): TemplateResult {
    const { say, room } = this;
    return html`
      <form class="field" @submit=${this.#rename}>
        <label for="nickname">${say('nickname')}</label>
        <div class="line">
          <input id="nickname" name="name" autocomplete="nickname" spellcheck="false" .value=${room.you?.name ?? ''}
            aria-describedby="nickname-rule nickname-trouble" aria-invalid=${this.trouble !== ''} />
          <button class="plain">${say('save')}</button>
        </div>
        <p id="nickname-rule" class="small">${say('nickname.rule', { limit: room.limits.nickname })}</p>
        <p id="nickname-trouble" class="small ${this.trouble ? 'bad' : ''}" role="status">${this.trouble || (this.saved ? say('saved') : '')}</p>
      </form>
      ${
        isAtLeast(room.you, 'moderator')
          ? html`
              <bongsu-chat-room-settings .say=${say} .room=${room} .version=${this.version} .ask=${this.ask}
                .explain=${this.explain} .link=${this.link} .language=${this.language}></bongsu-chat-room-settings>`
          : nothing
      }
      ${isAtLeast(room.you, 'administrator') && !this.credential ? nothing : this.#administrator()}`;
  }

  #administrator(): TemplateResult {
    const { say } = this;
    return html`
      <details>
        <summary>${say('administrator')}</summary>
        <form class="field" @submit=${this.#administer}>
          <div class="line">
            <input name="credential" type="password" autocomplete="off" .value=${this.credential}
              aria-label=${say('administrator')} aria-describedby="credential-detail" />
            <button class="plain">${say('save')}</button>
          </div>
          <p id="credential-detail" class="small">${say('administrator.detail')}</p>
        </form>
      </details>`;
  }

  #list(): TemplateResult {
    const { say, people, room } = this;
    const others = room.viewers - people.length;
    const open = (person: Person) => (event: Event) =>
      this.dispatchEvent(new CustomEvent('person', { detail: { person, button: event.currentTarget } }));
    return html`
      <ul class="people">
        ${people.map(
          (person) => html`
            <li>
              <span class="whole">${who(person, this)}</span>
              ${
                person.id === room.you?.id
                  ? nothing
                  : html`
                      <button type="button" class="icon" aria-haspopup="menu"
                        aria-label=${say('menu.person', { name: person.name })} @click=${open(person)}>${moreIcon}</button>`
              }
            </li>`,
        )}
      </ul>
      ${others > 0 ? html`<p class="small">${say('people.more', { count: others })}</p>` : nothing}`;
  }
}

customElements.get('bongsu-chat-panel') ?? customElements.define('bongsu-chat-panel', ChatPanel);
