/** `<bongsu-plot>`: a small plot of the last minute, a line per series, by uPlot. */
import { css, html, LitElement, type PropertyValues, unsafeCSS } from 'lit';
import { property } from 'lit/decorators.js';
import uPlot from 'uplot';
import uPlotStyle from 'uplot/dist/uPlot.min.css?inline';

/** A line of the plot. Each has a scale of its own that begins at zero. */
export interface PlotSeries {
  readonly label: string;
  /** A CSS color; custom properties of the element may be used: `var(--ember)`. */
  readonly color: string;
  /** A color for the area below the line. */
  readonly fill?: string;
}

/** How many values a plot keeps: a minute, at one a second. */
const length = 60;

/**
 * A plot that moves on with each push(). It fills its box; give it a height.
 *
 * @tag bongsu-plot
 * @prop {PlotSeries[]} series - The lines.
 * @prop {string} label - What the plot shows, for screen readers.
 */
export class Plot extends LitElement {
  static override styles = [
    unsafeCSS(uPlotStyle),
    css`
      :host {
        display: block;
        position: relative;
        height: 3rem;
        overflow: hidden;
      }

      .uplot,
      .u-wrap {
        position: absolute;
        pointer-events: none;
      }
    `,
  ];

  @property({ attribute: false }) series: readonly PlotSeries[] = [];
  @property() label = '';

  #plot: uPlot | undefined;
  #values: (number | null)[][] = [];
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)');
  readonly #redraw = () => this.#plot?.redraw();
  readonly #resize = new ResizeObserver(([entry]) => {
    if (entry) {
      this.#plot?.setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    }
  });

  /** Adds a value for each series, one that is not known being a gap, and forgets the oldest. */
  push(...values: readonly (number | undefined)[]): void {
    this.#values = this.series.map((_, i) => {
      const line = this.#values[i] ?? Array<null>(length).fill(null);
      return [...line.slice(1), values[i] ?? null];
    });
    this.#plot?.setData(this.#data());
  }

  /** Forgets all values. */
  clear(): void {
    this.#values = [];
    this.#plot?.setData(this.#data());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resize.observe(this);
    this.#scheme.addEventListener('change', this.#redraw);
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resize.disconnect();
    this.#scheme.removeEventListener('change', this.#redraw);
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  override render() {
    return html`<div role="img" aria-label=${this.label}></div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('series') || !this.#plot) {
      this.#draw();
    }
  }

  #draw(): void {
    const place = this.renderRoot.querySelector('div');
    this.#plot?.destroy();
    this.#plot = undefined;
    if (place && this.series.length > 0) {
      this.#plot = new uPlot(this.#options(), this.#data(), place);
    }
  }

  #data(): uPlot.AlignedData {
    const seconds = Array.from({ length }, (_, i) => i);
    const lines = this.series.map((_, i) => this.#values[i] ?? Array<null>(length).fill(null));
    return [seconds, ...lines];
  }

  #options(): uPlot.Options {
    // Looked up at every drawing: custom properties differ with the color scheme.
    const color = (value: string) => () =>
      value.replace(/var\((--[\w-]+)\)/g, (_, name: string) => getComputedStyle(this).getPropertyValue(name).trim());
    const scale = (i: number) => `y${i}`;
    return {
      width: this.clientWidth,
      height: this.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      axes: this.series.map(() => ({ show: false })),
      padding: [2, 0, 2, 0],
      scales: {
        x: { time: false, range: [0, length - 1] },
        ...Object.fromEntries(
          this.series.map((_, i) => [
            scale(i),
            { range: (_plot: uPlot, _low: number, high: number) => [0, high * 1.15 || 1] },
          ]),
        ),
      },
      series: [
        {},
        ...this.series.map(({ label, color: stroke, fill }, i) => ({
          label,
          scale: scale(i),
          stroke: color(stroke),
          width: 1.5,
          points: { show: false },
          ...(fill !== undefined && { fill: color(fill) }),
        })),
      ],
    };
  }
}

customElements.get('bongsu-plot') ?? customElements.define('bongsu-plot', Plot);

declare global {
  interface HTMLElementTagNameMap {
    'bongsu-plot': Plot;
  }
}
