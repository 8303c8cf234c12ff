/** A few signs to press, and those that others press rising over the chat. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { Say } from '../i18n/chat.ts';

/** What can be pressed. Others that come are shown as well. */
export const emojis = ['❤️', '👏', '😂', '🔥', '👍'] as const;

/** How long a sign rises, milliseconds: as long as the animation in the styles. */
const rising = 2_400;
/** As many rise at once. */
const mostRising = 12;

interface Rise {
  readonly key: number;
  readonly emoji: string;
  readonly count: number;
  /** Where, in percent of the width. */
  readonly left: number;
}

/** It renders into itself, so that the styles around it apply. */
export class ChatReactions extends LitElement {
  @property({ attribute: false }) say: Say = String;
  @property({ type: Boolean }) disabled = false;
  /** Only what rises. */
  @property({ type: Boolean }) plain = false;

  @state() private risen: readonly Rise[] = [];
  #keys = 0;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** Has them rise: one for each kind, with how many there were. */
  rise(counts: Readonly<Record<string, number>>): void {
    const fresh = Object.entries(counts).map(([emoji, count]) => ({
      key: ++this.#keys,
      emoji,
      count,
      left: 8 + ((this.#keys * 37) % 80),
    }));
    this.risen = [...this.risen, ...fresh].slice(-mostRising);
    const last = this.#keys;
    setTimeout(() => {
      this.risen = this.risen.filter(({ key }) => key > last);
    }, rising);
  }

  protected override render(): TemplateResult {
    return html`
      <div class="rising" aria-hidden="true">
        ${repeat(
          this.risen,
          ({ key }) => key,
          ({ key, emoji, count, left }) =>
            html`<span data-rise=${key} style="left: ${left}%">${emoji}${count > 1 ? html`<small>×${count}</small>` : nothing}</span>`,
        )}
      </div>
      ${this.plain ? nothing : this.#bar()}`;
  }

  #bar(): TemplateResult {
    return html`
      <div class="reactions" role="group" aria-label=${this.say('reactions')}>
        ${emojis.map(
          (emoji) => html`
            <button type="button" ?disabled=${this.disabled} aria-label=${this.say('react', { emoji })}
              @click=${() => this.dispatchEvent(new CustomEvent('react', { detail: emoji }))}>${emoji}</button>`,
        )}
      </div>`;
  }
}

customElements.get('bongsu-chat-reactions') ?? customElements.define('bongsu-chat-reactions', ChatReactions);
