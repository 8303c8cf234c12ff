import { html, type TemplateResult } from 'lit';
import { customElement, property, queryAll, state } from 'lit/decorators.js';
import { publishWords as say } from '../../i18n/publish.ts';
import type { Plot, PlotSeries } from '../../ui/plot.ts';
import { type Outbound, OutboundStatistics } from '../../whip/statistics.ts';
import { bitrate, number } from '../format.ts';
import { LightElement } from '../page.ts';
import '../../ui/plot.ts';

const line: readonly PlotSeries[] = [{ label: '', color: 'var(--ember)', fill: 'var(--ember-soft)' }];
const plots = ['bitrate', 'frameRate', 'roundTrip', 'loss'] as const;

/** What goes out, second by second: `<live-statistics .peer=${() => connection}>`. */
@customElement('live-statistics')
export class LiveStatistics extends LightElement {
  /** Gives the connection that sends now; it may be another one after a reconnect. */
  @property({ attribute: false }) peer: () => RTCPeerConnection | undefined = () => undefined;

  @state() private now: Outbound | undefined;
  @queryAll('bongsu-plot') private readonly drawn!: NodeListOf<Plot>;
  private timer: ReturnType<typeof setInterval> | undefined;
  private read: { peer: RTCPeerConnection; statistics: OutboundStatistics } | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => void this.look(), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  protected override render(): TemplateResult {
    const { now } = this;
    return html`
      <section class="card stack" aria-labelledby="statistics-title">
        <h2 id="statistics-title">${say('statistics.title')}</h2>
        ${now?.limitation ? html`<p class=${now.limitation === 'none' ? 'muted' : 'notice'} role="status">${say(`limit.${now.limitation}`)}</p>` : ''}
        <dl class="figures">
          ${plots.map(
            (name) => html`<div>${figure(name, now ? values[name](now) : '–')}
            <bongsu-plot .series=${line} .label=${say(`statistics.${name}`)}></bongsu-plot></div>`,
          )}
          <div>${figure('resolution', now?.width && now.height ? `${now.width}×${now.height}` : '–')}</div>
          <div>${figure('codec', now?.videoCodec ?? '–')}</div>
          <div>${figure('sound', now?.audioCodec ?? '–')}</div>
        </dl>
      </section>`;
  }

  private async look(): Promise<void> {
    const peer = this.peer();
    if (!peer) {
      return;
    }
    if (this.read?.peer !== peer) {
      this.read = { peer, statistics: new OutboundStatistics() };
    }
    const report = await peer.getStats();
    const now = this.read?.peer === peer ? this.read.statistics.read(report.entries()) : undefined;
    if (now) {
      this.now = now;
      for (const [index, name] of plots.entries()) {
        this.drawn[index]?.push(now[name]);
      }
    }
  }
}

type Figure = 'bitrate' | 'frameRate' | 'roundTrip' | 'loss' | 'resolution' | 'codec' | 'sound';

function figure(name: Figure, text: string): TemplateResult {
  return html`<dt class="small muted">${say(`statistics.${name}`)}</dt><dd>${text}</dd>`;
}

const values: Record<(typeof plots)[number], (now: Outbound) => string> = {
  bitrate: (now) => bitrate(now.bitrate),
  frameRate: ({ frameRate }) => (frameRate === undefined ? '–' : number(frameRate)),
  roundTrip: ({ roundTrip }) => (roundTrip === undefined ? '–' : `${number(roundTrip * 1000)} ms`),
  loss: ({ loss }) => (loss === undefined ? '–' : `${number(loss * 100, 1)} %`),
};
