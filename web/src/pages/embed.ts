import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { language } from '../i18n/index.ts';
import { pageWords as say } from '../i18n/pages.ts';
import { nameProblem, streamFromPath, streamPath } from './name.ts';
import { badName, LightElement } from './page.ts';
import { signalingOption } from './signaling.ts';
import '../player.ts';
import './embed.css';

/**
 * The page `/embed/:stream`: the player alone, for frames. `?muted` begins without sound, `?autoplay=0` waits for a press,
 * `?controls=0` hides the controls, `?signaling=ws` goes by WebSocket.
 */
@customElement('bongsu-embed')
export class EmbedPage extends LightElement {
  private readonly stream = streamFromPath(location.pathname) ?? '\ufffd';
  private readonly options = playerOptions(location.search);

  protected override render(): TemplateResult {
    document.documentElement.lang = language();
    document.title = say('embed.title', { name: this.stream });
    if (nameProblem(this.stream)) {
      return html`<main class="embed-problem">${badName(this.stream)}</main>`;
    }
    const { muted, autoplay, controls } = this.options;
    return html`
      <bongsu-player src=${streamPath('whep', this.stream)} signaling=${signalingOption()}
        ?muted=${muted} ?autoplay=${autoplay} ?controls=${controls}></bongsu-player>`;
  }
}

/** Reads the options of the query: present means yes, "0", "false" and "no" mean no. */
export function playerOptions(query: string): { muted: boolean; autoplay: boolean; controls: boolean } {
  const parameters = new URLSearchParams(query);
  const option = (name: string, otherwise: boolean) => {
    const value = parameters.get(name);
    return value === null ? otherwise : !['0', 'false', 'no'].includes(value.toLowerCase());
  };
  return { muted: option('muted', false), autoplay: option('autoplay', true), controls: option('controls', true) };
}
