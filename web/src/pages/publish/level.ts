import { html, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { publishWords as say } from '../../i18n/publish.ts';
import { LightElement } from '../page.ts';

/** Decibels below full scale at which the meter is empty. */
const floor = -60;
/** Above this, peaks are about to be cut off. */
const loud = -3;
/** How fast the bar falls, in dB a second. */
const fall = 40;

/** A sound level meter of a track: `<level-meter .track=${track}>`. */
@customElement('level-meter')
export class LevelMeter extends LightElement {
  @property({ attribute: false }) track: MediaStreamTrack | null = null;

  @query('[role=meter]') private readonly meter!: HTMLElement;
  private context: AudioContext | undefined;
  private frame = 0;
  private level = floor;
  private drawn = 0;
  private told = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.close();
  }

  protected override render(): TemplateResult {
    return html`
      <div role="meter" class="level" aria-label=${say('level.label')}
        aria-valuemin=${floor} aria-valuemax="0"><span></span></div>`;
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has('track')) {
      this.close();
      this.open();
    }
    this.tell();
  }

  private open(): void {
    if (!this.track) {
      this.draw(floor);
      return;
    }
    this.context = new AudioContext();
    void this.context.resume();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    this.context.createMediaStreamSource(new MediaStream([this.track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const step = (now: number) => {
      this.frame = requestAnimationFrame(step);
      analyser.getFloatTimeDomainData(samples);
      this.follow(decibels(samples), now);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** Rises at once, falls slowly. */
  private follow(peak: number, now: number): void {
    const fallen = this.level - (fall * (now - this.drawn)) / 1000;
    this.drawn = now;
    this.draw(Math.max(floor, Math.min(0, Math.max(peak, fallen))));
    if (now - this.told > 1000) {
      this.told = now;
      this.tell();
    }
  }

  private draw(level: number): void {
    this.level = level;
    this.meter.style.setProperty('--level', String((level - floor) / -floor));
    this.meter.classList.toggle('loud', level > loud);
  }

  /** For screen readers, which need a value now and then only. */
  private tell(): void {
    const level = Math.round(this.level);
    this.meter.setAttribute('aria-valuenow', String(level));
    const words =
      level <= floor ? say('level.silent') : level > loud ? say('level.loud') : say('level.value', { level: -level });
    this.meter.setAttribute('aria-valuetext', words);
  }

  private close(): void {
    cancelAnimationFrame(this.frame);
    void this.context?.close();
    this.context = undefined;
    this.level = floor;
  }
}

/** The peak of samples, in decibels below full scale. */
export function decibels(samples: Float32Array): number {
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  return peak > 0 ? 20 * Math.log10(peak) : Number.NEGATIVE_INFINITY;
}
