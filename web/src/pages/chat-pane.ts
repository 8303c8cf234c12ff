import { html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { BongsuChat } from '../chat/element.ts';
import type { ChannelSource } from '../chat/way.ts';
import { chatWords } from '../i18n/chat.ts';
import { LightElement } from './page.ts';
import '../chat/element.ts';
import './chat-pane.css';

/** The chat beside a picture. On a narrow screen it stands below, and can be folded. A server without chat has no pane. */
@customElement('chat-pane')
export class ChatPane extends LightElement {
  @property() stream = '';
  /** The id of the player beside it. */
  @property() player = '';
  @property({ attribute: false }) source: ChannelSource | undefined;
  @property() signaling: 'http' | 'ws' = 'http';
  @state() private open = true;
  @state() private unread = 0;

  private readonly invited = new URLSearchParams(location.hash.slice(1)).get('invitation');

  protected override render(): TemplateResult {
    return html`
      <section class="pane ${this.open ? '' : 'folded'}" aria-label=${chatWords('title')}>
        <button type="button" class="fold quiet" aria-expanded=${this.open} aria-controls="chat" @click=${this.fold}>
          ${chatWords('title')} ${this.unread > 0 ? html`<span class="tag live">${this.unread}</span>` : ''}
        </button>
        <bongsu-chat id="chat" stream=${this.stream} for=${this.player} signaling=${this.signaling} .source=${this.source}
          .invited=${this.invited} @statechange=${this.changed} @unreadchange=${this.counted}></bongsu-chat>
      </section>`;
  }

  private fold(): void {
    this.open = !this.open;
  }

  private changed(event: Event): void {
    this.hidden = (event.target as BongsuChat).reason === 'unavailable';
  }

  private counted(event: Event): void {
    this.unread = (event.target as BongsuChat).unread;
  }
}
