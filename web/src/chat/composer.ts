/** Where a message is written: text, whom it answers, names to complete. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import type { Say } from '../i18n/chat.ts';
import { closeIcon, sendIcon } from './icons.ts';
import type { Message } from './protocol.ts';
import { completionAt, completions, length } from './text.ts';

/** Below so many characters left, they are counted. */
const countFrom = 60;

/** What is to be sent. */
export interface Draft {
  readonly text: string;
  readonly reply: Message | undefined;
}

/**
 * It renders into itself, so that the styles around it apply.
 *
 * @fires {CustomEvent<Draft>} draft - The reader wants to send.
 * @fires mention - A name is being completed: it would be good to know who is here.
 */
export class ChatComposer extends LitElement {
  @property({ attribute: false }) say: Say = String;
  /** Gives the names that can be completed. */
  @property({ attribute: false }) names: () => readonly string[] = () => [];
  @property({ attribute: false }) replyTo: Message | undefined;
  @property({ type: Number }) limit = 500;
  /** What the empty field says. */
  @property() hint = '';
  /** Why nothing can be sent now; what is written stays. */
  @property() blocked = '';
  @property({ type: Boolean }) disabled = false;

  @query('textarea') private readonly field!: HTMLTextAreaElement | null;

  @state() private text = '';
  @state() private offered: readonly string[] = [];
  @state() private chosen = 0;
  #from = 0;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override focus(): void {
    this.field?.focus();
  }

  /** Puts a draft back that could not be sent, unless something else has been begun. */
  restore(draft: Draft): void {
    if (this.text === '') {
      this.replyTo = draft.reply;
      void this.#put(draft.text, draft.text.length);
    }
  }

  /** Writes a name at the caret. */
  mention(name: string): void {
    const caret = this.field?.selectionStart ?? this.text.length;
    const before = this.text.slice(0, caret);
    const space = before === '' || /\s$/.test(before) ? '' : ' ';
    void this.#insert(caret, caret, `${space}@${name} `);
  }

  async #insert(from: number, to: number, words: string): Promise<void> {
    await this.#put(this.text.slice(0, from) + words + this.text.slice(to), from + words.length);
  }

  async #put(text: string, caret: number): Promise<void> {
    this.text = text;
    this.offered = [];
    await this.updateComplete;
    this.field?.focus();
    this.field?.setSelectionRange(caret, caret);
  }

  get #length(): number {
    return length(this.text);
  }

  #submit(): void {
    const text = this.text.trim();
    if (text === '' || this.#length > this.limit || this.blocked !== '' || this.disabled) {
      return;
    }
    const reply = this.replyTo;
    this.replyTo = undefined;
    this.dispatchEvent(new CustomEvent<Draft>('draft', { detail: { text, reply } }));
    void this.#put('', 0);
  }

  #input(): void {
    this.text = this.field?.value ?? '';
    this.#complete();
  }

  #complete(): void {
    const caret = this.field?.selectionStart ?? 0;
    const found = completionAt(this.text, caret);
    if (found) {
      this.dispatchEvent(new Event('mention'));
      this.#from = found.from;
    }
    this.offered = found ? completions(found.begin, this.names()) : [];
    this.chosen = 0;
  }

  #pick(name: string): void {
    void this.#insert(this.#from, this.field?.selectionStart ?? this.text.length, `@${name} `);
  }

  #key(event: KeyboardEvent): void {
    // Enter that ends a syllable is the keyboard's, not ours (UI Events section 3.8).
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    const { offered } = this;
    const name = offered[this.chosen];
    if (
      name !== undefined &&
      ['ArrowDown', 'ArrowUp', 'Enter', 'Tab', 'Escape'].includes(event.key) &&
      !event.shiftKey
    ) {
      event.preventDefault();
      event.stopPropagation();
      this.#choose(event.key, name);
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'Escape' && this.replyTo) {
      event.stopPropagation();
      this.replyTo = undefined;
    }
  }

  #choose(key: string, name: string): void {
    const { length: count } = this.offered;
    if (key === 'ArrowDown' || key === 'ArrowUp') {
      this.chosen = (this.chosen + (key === 'ArrowDown' ? 1 : count - 1)) % count;
    } else if (key === 'Escape') {
      this.offered = [];
    } else {
      this.#pick(name);
    }
  }

  protected override render(): TemplateResult {
    const { say, text, disabled, offered, blocked } = this;
    const over = this.limit - this.#length;
    const blind = text.trim() === '' || over < 0 || blocked !== '' || disabled;
    return html`
      ${this.replyTo ? this.#answering(this.replyTo) : nothing}
      ${offered.length > 0 ? this.#names() : nothing}
      <form class="composer" @submit=${(event: Event) => event.preventDefault()}>
        <div class="grow" data-text=${text}>
          <textarea rows="1" dir="auto" enterkeyhint="send" autocomplete="off" .value=${text} ?disabled=${disabled}
          placeholder=${this.hint || say('write')} aria-label=${this.hint || say('write')}
          role="combobox" aria-autocomplete="list" aria-expanded=${offered.length > 0} aria-controls="names"
          aria-activedescendant=${offered.length > 0 ? `name-${this.chosen}` : nothing}
          aria-describedby="count" aria-invalid=${over < 0}
          @input=${this.#input} @keydown=${this.#key} @blur=${() => {
            this.offered = [];
          }}></textarea>
        </div>
        <button type="button" class="send" ?disabled=${blind} aria-label=${say('send')} title=${say('send')}
          @pointerdown=${(event: Event) => event.preventDefault()} @click=${this.#submit}>
          ${blocked ? html`<span class="wait">${blocked}</span>` : sendIcon}
        </button>
      </form>
      <p id="count" class="count ${over < 0 ? 'over' : ''}">${over > countFrom ? nothing : say(over < 0 ? 'over' : 'left', { count: Math.abs(over) })}</p>`;
  }

  #answering(message: Message): TemplateResult {
    const { say } = this;
    return html`
      <div class="answering">
        <p><strong>${say('replying', { name: message.from.name })}</strong> <span dir="auto">${message.text}</span></p>
        <button type="button" class="icon" aria-label=${say('replying.end')} title=${say('replying.end')} @click=${() => {
          this.replyTo = undefined;
          this.focus();
        }}>${closeIcon}</button>
      </div>`;
  }

  #names(): TemplateResult {
    return html`
      <ul id="names" class="names" role="listbox" aria-label=${this.say('mention')}>
        ${this.offered.map(
          (name, index) => html`
            <li id="name-${index}" role="option" aria-selected=${index === this.chosen}
              @pointerdown=${(event: Event) => {
                event.preventDefault(); // the field keeps the focus
                this.#pick(name);
              }}>@${name}</li>`,
        )}
      </ul>`;
  }
}

customElements.get('bongsu-chat-composer') ?? customElements.define('bongsu-chat-composer', ChatComposer);
