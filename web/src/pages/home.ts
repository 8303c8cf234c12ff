import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { pageWords as say } from '../i18n/pages.ts';
import { beacons, firesFor } from './beacons.ts';
import { viewers } from './format.ts';
import { streamPath } from './name.ts';
import { Page } from './page.ts';
import { describeTrack, Poll, type StreamInfo, videoOf } from './streams.ts';
import './how-to.ts';
import './home.css';
import './up-time.ts';

/** The page `/`: the streams now live, and how to start one. */
@customElement('bongsu-home')
export class HomePage extends Page {
  private readonly streams = new Poll<{ streams: StreamInfo[] }>(this, () => '/api/v1/streams');

  protected override heading(): string {
    return say('home.title');
  }

  protected override content(): TemplateResult {
    const streams = this.streams.value?.streams.filter(({ state }) => state !== 'offline');
    return html`
      <div class="lead">
        <h1>${say('home.title')}</h1>
        <p class="muted">${say('home.intro')}</p>
      </div>
      ${this.streams.failed ? html`<p class="notice bad" role="alert">${say('server.unreachable')}</p>` : ''}
      ${streams ? this.list(streams) : html`<p class="muted" role="status">${say('home.loading')}</p>`}
      <how-to-start></how-to-start>`;
  }

  private list(streams: StreamInfo[]): TemplateResult {
    if (streams.length === 0) {
      return html`
        <section class="empty">
          ${beacons(0)}
          <h2>${say('home.empty.title')}</h2>
          <p class="muted">${say('home.empty.detail')}</p>
        </section>`;
    }
    return html`<ul class="cards">${repeat(
      streams,
      ({ name }) => name,
      (stream) => html`<li>${this.card(stream)}</li>`,
    )}</ul>`;
  }

  private card(stream: StreamInfo): TemplateResult {
    const { name, state, since } = stream;
    const video = videoOf(stream);
    const sound = stream.tracks.find(({ kind }) => kind === 'audio');
    return html`
      <a class="card stream" href=${streamPath('watch', name)} aria-label=${say('home.watch', { name })}>
        ${beacons(state === 'live' ? firesFor(stream.viewers) : 0)}
        <span class="line">
          <span class="tag ${state}">${say(`state.${state}`)}</span>
          ${state === 'live' ? html`<up-time class="small muted" .since=${since} .offset=${this.streams.offset}></up-time>` : ''}
        </span>
        <strong>${name}</strong>
        <span class="line small muted">
          <span>${viewers(stream.viewers)}</span>
          <span>${video ? describeTrack(video) : sound && say('home.soundOnly')}</span>
        </span>
      </a>`;
  }
}
