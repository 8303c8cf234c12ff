import { html, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { pageWords as say } from '../i18n/pages.ts';
import { LightElement } from './page.ts';

/** A text to copy, with its name and a button: `<copy-field label="Server" .value=${url}>`. */
@customElement('copy-field')
export class CopyField extends LightElement {
  @property() label = '';
  @property({ attribute: false }) value = '';

  @state() private outcome: 'copied' | 'failed' | undefined;
  @query('code') private readonly code!: HTMLElement;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  protected override render(): TemplateResult {
    return html`
      <div class="copy">
        ${this.label && html`<span class="small label">${this.label}</span>`}
        <pre tabindex="0" role="textbox" aria-readonly="true" aria-label=${this.label}><code>${this.value}</code></pre>
        <button @click=${this.copy} aria-label="${say('copy.copy')}: ${this.label}">
          ${this.outcome === 'copied' ? say('copy.copied') : say('copy.copy')}
        </button>
        <span class="small" role="status">
          ${this.outcome === 'failed' ? say('copy.failed') : ''}
          <span class="visually-hidden">${this.outcome === 'copied' ? say('copy.copied') : ''}</span>
        </span>
      </div>`;
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.value);
      this.outcome = 'copied';
    } catch {
      // No clipboard on plain HTTP, or not allowed: leave the text selected for the hand.
      getSelection()?.selectAllChildren(this.code);
      this.outcome = 'failed';
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.outcome = undefined;
    }, 2500);
  }
}
