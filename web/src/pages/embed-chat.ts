import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { chatWords as say } from '../i18n/chat.ts';
import { language } from '../i18n/index.ts';
import { nameProblem, streamFromPath } from './name.ts';
import { badName, LightElement } from './page.ts';
import '../chat/element.ts';
import './embed-chat.css';

/**
 * The page `/embed/:stream/chat`: the chat alone, for frames. `?transparent=1` shows only what is said, upon nothing, as a browser
 * source of OBS wants it; `&size=32` sets the size of the letters in pixels.
 */
@customElement('bongsu-embed-chat')
export class EmbedChatPage extends LightElement {
  private readonly stream = streamFromPath(location.pathname) ?? '\ufffd';
  private readonly options = chatOptions(location.search);

  override connectedCallback(): void {
    super.connectedCallback();
    const { transparent, size } = this.options;
    document.documentElement.classList.toggle('transparent', transparent);
    if (size) {
      this.style.setProperty('--bongsu-chat-size', `${size}px`);
    }
    visualViewport?.addEventListener('resize', fit);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    visualViewport?.removeEventListener('resize', fit);
  }

  protected override render(): TemplateResult {
    document.documentElement.lang = language();
    document.title = `${this.stream} · ${say('title')}`;
    if (nameProblem(this.stream)) {
      return html`<main class="embed-problem">${badName(this.stream)}</main>`;
    }
    const { transparent } = this.options;
    return html`<bongsu-chat stream=${this.stream} ?overlay=${transparent} .last=${transparent ? 30 : null}></bongsu-chat>`;
  }
}

/** A keyboard on the screen takes room that 100dvh does not know of. */
function fit(): void {
  document.body.style.height = `${visualViewport?.height ?? innerHeight}px`;
}

/** Reads the options of the query: present means yes, "0", "false" and "no" mean no. A size is 8 to 200 pixels. */
export function chatOptions(query: string): { transparent: boolean; size: number | undefined } {
  const parameters = new URLSearchParams(query);
  const transparent = parameters.get('transparent');
  const size = Number(parameters.get('size') ?? Number.NaN);
  return {
    transparent: transparent !== null && !['0', 'false', 'no'].includes(transparent.toLowerCase()),
    size: size >= 8 && size <= 200 ? size : undefined,
  };
}
