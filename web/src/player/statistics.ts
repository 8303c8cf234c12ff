/** `<bongsu-statistics>`: what arrives, in numbers and a small plot; a part of `<bongsu-player>`. */
import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import { property, query } from 'lit/decorators.js';
import type { WhepStatistics } from '../api.ts';
import type { Language } from '../i18n/index.ts';
import { t } from '../i18n/player.ts';
import '../ui/plot.ts';
import type { Plot, PlotSeries } from '../ui/plot.ts';
import { closeIcon } from './icons.ts';
import { keepKeys } from './keys.ts';

const series: readonly PlotSeries[] = [
  { label: 'bitrate', color: 'var(--accent)', fill: 'rgb(255 138 76 / 22%)' },
  { label: 'framesPerSecond', color: '#8ec7ff' },
];

/** @fires close - The reader wants it away. */
export class StatisticsPanel extends LitElement {
  static override styles = css`
    :host {
      display: block;
      box-sizing: border-box;
      width: min(19rem, 100% - 1rem);
      max-height: calc(100% - 1rem);
      margin: 0.5rem;
      padding: 0.5rem 0.75rem 0.6rem;
      border-radius: 8px;
      background: var(--shade);
      color: var(--ink);
      font: 400 0.8125rem / 1.5 var(--face);
      text-align: start;
      overflow: auto;
    }

    header {
      display: flex;
      align-items: center;
      justify-content: space-between;
      font-weight: 700;
    }

    button {
      display: grid;
      place-content: center;
      width: 32px;
      height: 32px;
      margin: -2px -8px -2px 0;
      padding: 0;
      border: 0;
      border-radius: 6px;
      background: none;
      color: inherit;
      cursor: pointer;
    }

    button:hover {
      background: rgb(255 255 255 / 16%);
    }

    button:focus-visible {
      outline: 2px solid var(--accent);
    }

    svg {
      width: 18px;
      height: 18px;
      fill: currentColor;
    }

    dl {
      display: grid;
      gap: 0 0.75rem;
      margin: 0;
    }

    dl div {
      display: flex;
      justify-content: space-between;
      gap: 0.75rem;
    }

    dt {
      color: #cfc8bf;
    }

    dd {
      margin: 0;
      text-align: end;
      font-variant-numeric: tabular-nums;
    }

    .bitrate {
      color: var(--accent);
    }

    .frames {
      color: #8ec7ff;
    }

    bongsu-plot {
      height: 2.5rem;
      margin-top: 0.35rem;
      border-bottom: 1px solid rgb(255 255 255 / 25%);
    }

    /* The container is the room above the controls. */
    @container (width < 26rem) or (height < 15.5rem) {
      :host {
        width: min(24rem, 100% - 0.5rem);
        max-height: calc(100% - 0.5rem);
        margin: 0.25rem;
        padding: 0.25rem 0.5rem;
        font-size: 0.6875rem;
        line-height: 1.3;
      }

      button {
        height: 24px;
      }

      dl {
        grid-template-columns: auto auto;
      }

      dl div {
        gap: 0.35rem;
        white-space: nowrap;
      }

      .packets {
        display: none;
      }

      bongsu-plot {
        height: 1.5rem;
      }
    }

    @container (height < 8rem) {
      bongsu-plot {
        display: none;
      }
    }
  `;

  @property({ attribute: false }) statistics: WhepStatistics | undefined;
  @property({ attribute: false }) language: Language = 'en';
  @query('bongsu-plot') private readonly plot!: Plot | null;

  override render() {
    const say = (key: Parameters<typeof t>[0], parameters = {}) => t(key, parameters, this.language);
    const row = (label: string, value: unknown, style = '') =>
      value === undefined ? nothing : html`<div><dt>${label}</dt><dd class=${style}>${value}</dd></div>`;
    const now = this.statistics;
    const milliseconds = (value: number | undefined) =>
      value === undefined
        ? undefined
        : say('unit.milliseconds', { n: value < 10 ? value.toFixed(1) : Math.round(value) });
    return html`
      <header>
        ${say('player.statistics')}
        <button
          type="button"
          aria-label=${say('player.close')}
          @click=${() => this.dispatchEvent(new Event('close'))}
          @keydown=${keepKeys}
          @keyup=${keepKeys}
        >
          ${closeIcon}
        </button>
      </header>
      <dl>
        ${row(say('statistics.codec'), [now?.codec, now?.audioCodec].filter(Boolean).join(' · ') || '–')}
        ${row(say('statistics.resolution'), now?.width && now.height ? `${now.width} × ${now.height}` : undefined)}
        ${row(say('statistics.frames'), now?.framesPerSecond === undefined ? undefined : say('unit.frames', { n: Math.round(now.framesPerSecond) }), 'frames')}
        ${row(say('statistics.bitrate'), now && bits(now.bitrate), 'bitrate')}
        ${row(say('statistics.loss'), now && html`${say('unit.percent', { n: (now.lossRatio * 100).toFixed(1) })} <span class="packets">${say('unit.packets', { n: now.packetsLost })}</span>`)}
        ${row(say('statistics.buffer'), milliseconds(now?.jitterBufferMs))}
        ${row(say('statistics.roundTrip'), milliseconds(now?.roundTripTimeMs))}
      </dl>
      <bongsu-plot .series=${series} .label=${say('statistics.plot')}></bongsu-plot>
    `;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('statistics') && this.statistics) {
      this.plot?.push(this.statistics.bitrate, this.statistics.framesPerSecond);
    }
  }
}

/** Bits per second, for people. */
function bits(perSecond: number): string {
  return perSecond < 1e6 ? `${Math.round(perSecond / 1000)} kbit/s` : `${(perSecond / 1e6).toFixed(2)} Mbit/s`;
}

customElements.get('bongsu-statistics') ?? customElements.define('bongsu-statistics', StatisticsPanel);
