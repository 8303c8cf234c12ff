/** What moderators and the host can set: slow mode, invitations, words, bans. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import type { Say } from '../i18n/chat.ts';
import type { ChatError } from './client.ts';
import type { Ask } from './panel.ts';
import { type Ban, type ChatEvent, type ChatRequest, isAtLeast } from './protocol.ts';
import type { Room } from './room.ts';
import { span } from './words.ts';

/** Seconds. */
const slowModes = [0, 5, 10, 30, 60, 300, 3600] as const;
/** How long an invitation is good, seconds. */
const invitationTime = 7 * 86_400;

/** It renders into itself, so that the styles around it apply. */
export class ChatRoomSettings extends LitElement {
  @property({ attribute: false }) say: Say = String;
  @property({ attribute: false }) room!: Room;
  @property({ type: Number }) version = 0;
  @property({ attribute: false }) ask: Ask = () => Promise.reject();
  @property({ attribute: false }) explain: (error: ChatError) => string = String;
  @property({ attribute: false }) link: (invitation: string) => string = String;
  @property() language = 'en';

  @query('textarea') private readonly words!: HTMLTextAreaElement | null;
  @state() private bans: readonly Ban[] | undefined;
  @state() private said = '';
  @state() private failed = false;
  @state() private invitation = '';
  @state() private sure = false;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** Asks, and says what came of it. */
  async #do(
    request: ChatRequest,
    done: (answer: ChatEvent) => void = () => this.#tell(this.say('saved')),
  ): Promise<void> {
    this.#tell('');
    try {
      done(await this.ask(request));
    } catch (error) {
      this.#tell(this.explain(error as ChatError), true);
    }
  }

  #tell(said: string, failed = false): void {
    this.said = said;
    this.failed = failed;
  }

  #when(time: number): string {
    return new Date(time).toLocaleString(this.language, { dateStyle: 'medium', timeStyle: 'short' });
  }

  #invite(renew: boolean): Promise<void> {
    return this.#do({ type: 'invite', seconds: invitationTime, renew }, async (answer) => {
      if (answer.type !== 'invitation') {
        return;
      }
      const time = this.#when(answer.expires);
      this.invitation = this.link(answer.invitation);
      try {
        await navigator.clipboard.writeText(this.invitation);
        this.#tell(this.say('invite.copied', { time }));
      } catch {
        this.#tell(this.say('invite.link', { time })); // it stands in the field, to be copied by hand
      }
    });
  }

  #loadWords(event: Event): void {
    if ((event.currentTarget as HTMLDetailsElement).open) {
      void this.#do({ type: 'words' }, (answer) => {
        if (answer.type === 'words' && this.words) {
          this.words.value = answer.words.join('\n');
        }
      });
    }
  }

  #saveWords(): void {
    const words = (this.words?.value ?? '').split('\n').map((word) => word.trim());
    void this.#do({ type: 'words', words: words.filter(Boolean) });
  }

  #loadBans(event: Event): void {
    if ((event.currentTarget as HTMLDetailsElement).open) {
      void this.#showBans();
    }
  }

  #showBans(): Promise<void> {
    return this.#do({ type: 'bans' }, (answer) => {
      this.bans = answer.type === 'bans' ? answer.bans : [];
    });
  }

  async #lift(ban: Ban): Promise<void> {
    await this.#do({ type: 'lift', member: ban.member.id });
    if (!this.failed) {
      this.bans = this.bans?.filter(({ member }) => member.id !== ban.member.id); // it may be too soon for another list
      await this.#showBans();
    }
  }

  protected override render(): TemplateResult {
    const { say, room } = this;
    return html`
      <section class="field" aria-labelledby="room-title">
        <h3 id="room-title">${say('room')}</h3>
        <label class="line">${say('slow')}
          <select @change=${(event: Event) => this.#do({ type: 'slow', seconds: Number((event.target as HTMLSelectElement).value) })}>
            ${[...new Set([...slowModes, room.settings.slow])].map(
              (seconds) =>
                html`<option value=${seconds} .selected=${seconds === room.settings.slow}>${seconds > 0 ? span(seconds, say) : say('slow.off')}</option>`,
            )}
          </select>
        </label>
        <label class="check"><input type="checkbox" .checked=${room.settings.followers}
          @change=${(event: Event) => this.#do({ type: 'followers', on: (event.target as HTMLInputElement).checked })} />
          ${say('followers')}</label>
        ${isAtLeast(room.you, 'broadcaster') ? this.#invitations() : nothing}
        <details @toggle=${this.#loadWords}>
          <summary>${say('words')}</summary>
          <textarea rows="5" aria-label=${say('words')} aria-describedby="words-detail"></textarea>
          <p id="words-detail" class="small">${say('words.detail')}</p>
          <button type="button" class="plain" @click=${this.#saveWords}>${say('save')}</button>
        </details>
        <details @toggle=${this.#loadBans}>
          <summary>${say('bans')}</summary>
          ${this.bans?.length === 0 ? html`<p class="small">${say('bans.none')}</p>` : html`<ul class="people">${this.bans?.map((ban) => this.#ban(ban))}</ul>`}
        </details>
        ${this.#clearing()}
        <p class="small ${this.failed ? 'bad' : ''}" role="status">${this.said}</p>
      </section>`;
  }

  #invitations(): TemplateResult {
    const { say } = this;
    return html`
      <div class="line">
        <button type="button" class="plain" @click=${() => this.#invite(false)}>${say('invite')}</button>
        <button type="button" class="plain" @click=${() => this.#invite(true)}>${say('invite.renew')}</button>
      </div>
      ${this.invitation ? html`<input class="link" readonly aria-label=${say('invite')} .value=${this.invitation} @focus=${(event: Event) => (event.target as HTMLInputElement).select()} />` : nothing}`;
  }

  #ban(ban: Ban): TemplateResult {
    const { say } = this;
    const facts = [
      say(`bans.${ban.kind}`, { by: ban.by.name }),
      ban.until ? say('bans.until', { time: this.#when(ban.until) }) : '',
      ban.reason ?? '',
    ];
    return html`
      <li>
        <span class="whole"><bdi>${ban.member.name}</bdi> <span class="small">${facts.filter(Boolean).join(' · ')}</span></span>
        <button type="button" class="plain" @click=${() => this.#lift(ban)}>${say('bans.lift')}</button>
      </li>`;
  }

  #clearing(): TemplateResult {
    const { say } = this;
    const ask = (sure: boolean) => () => {
      this.sure = sure;
    };
    return this.sure
      ? html`
          <div class="line" role="group" aria-label=${say('clear.sure')}>
            <span>${say('clear.sure')}</span>
            <button type="button" class="plain grave" @click=${() => {
              this.sure = false;
              void this.#do({ type: 'clear' });
            }}>${say('clear')}</button>
            <button type="button" class="plain" @click=${ask(false)}>${say('clear.no')}</button>
          </div>`
      : html`<div><button type="button" class="plain grave" @click=${ask(true)}>${say('clear')}</button></div>`;
  }
}

customElements.get('bongsu-chat-room-settings') ?? customElements.define('bongsu-chat-room-settings', ChatRoomSettings);
