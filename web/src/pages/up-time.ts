import { LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { pageWords as say } from '../i18n/pages.ts';
import { duration } from './format.ts';

/** How long ago something began, counting by the second: `<up-time .since=${date} .offset=${ms}>`. */
@customElement('up-time')
export class UpTime extends LitElement {
  /** When it began (RFC 3339), by the server's clock. */
  @property({ attribute: false }) since = '';
  /** What to add to the clock here to get the server's, in ms. */
  @property({ attribute: false }) offset = 0;

  private timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.requestUpdate(), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): string {
    const time = duration(Date.now() + this.offset - Date.parse(this.since));
    this.title = say('uptime.label', { time });
    return time;
  }
}
