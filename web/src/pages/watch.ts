import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { pageWords as say } from '../i18n/pages.ts';
import { bitrate, number, viewers } from './format.ts';
import { streamPath } from './name.ts';
import { StreamPage } from './page.ts';
import { signalingOption } from './signaling.ts';
import { describeTrack, Poll, type StreamInfo, type TrackInfo } from './streams.ts';
import '../player.ts';
import './chat-pane.ts';
import './copy-field.ts';
import './up-time.ts';
import './watch.css';

/** The page `/watch/:stream`: the player, what is known of the stream, and how to pass it on. */
@customElement('bongsu-watch')
export class WatchPage extends StreamPage {
  private readonly info = new Poll<StreamInfo>(this, () => streamPath('api/v1/streams', this.stream));

  protected override heading(): string {
    return say('watch.title', { name: this.stream });
  }

  protected override streamContent(): TemplateResult {
    const state = this.info.value?.state ?? 'offline';
    const known = this.info.value !== undefined;
    return html`
      <div class="watch">
        <div class="stage">
          <bongsu-player id="player" src=${streamPath('whep', this.stream)} signaling=${signalingOption()} chat autoplay controls></bongsu-player>
        </div>
        <chat-pane stream=${this.stream} player="player"></chat-pane>
        <div class="about">
          <h1>${this.stream}</h1>
          <p class="line" aria-live="polite">
            ${known ? html`<span class="tag ${state}">${say(`state.${state}`)}</span>` : ''}
            ${this.info.value ? html`<span class="muted">${viewers(this.info.value.viewers)}</span>` : ''}
            ${this.facts()}
          </p>
          ${this.info.failed ? html`<p class="notice bad" role="alert">${say('server.unreachable')}</p>` : ''}
          ${known && state !== 'live' ? this.offline() : ''}
        </div>
        ${this.share()}
      </div>`;
  }

  private facts(): TemplateResult | '' {
    const stream = this.info.value;
    if (stream?.state !== 'live') {
      return '';
    }
    return html`
      <up-time class="muted" aria-live="off" .since=${stream.since} .offset=${this.info.offset}></up-time>
      ${stream.tracks.map((track) => html`<span class="tag" aria-live="off">${factsOf(track)}</span>`)}`;
  }

  private offline(): TemplateResult {
    return html`
      <p>${say('watch.offline')}</p>
      <p class="line">
        <a class="button" href=${streamPath('publish', this.stream)}>${say('watch.publish', { name: this.stream })}</a>
        <a class="button quiet" href="/">${say('watch.other')}</a>
      </p>`;
  }

  private share(): TemplateResult {
    const link = location.origin + streamPath('watch', this.stream);
    return html`
      <section class="card stack" aria-labelledby="share-title">
        <h2 id="share-title">${say('watch.share')}</h2>
        <copy-field .label=${say('watch.link')} .value=${link}></copy-field>
        ${'share' in navigator ? html`<p><button @click=${() => this.send(link)}>${say('watch.send')}</button></p>` : ''}
        <details>
          <summary><h3>${say('watch.embed')}</h3></summary>
          <div class="stack">
            <copy-field .label=${say('watch.iframe')} .value=${frameCode(this.stream)}></copy-field>
            <copy-field .label=${say('watch.chat')} .value=${chatCode(this.stream)}></copy-field>
            <copy-field .label=${say('watch.script')} .value=${elementCode(this.stream)}></copy-field>
          </div>
        </details>
      </section>`;
  }

  private send(url: string): void {
    // Rejected when the reader changes their mind; there is nothing to say then.
    navigator.share({ title: this.heading(), url }).catch(() => undefined);
  }
}

function factsOf(track: TrackInfo): string {
  return [
    describeTrack(track),
    track.frameRate ? say('watch.perSecond', { rate: number(track.frameRate) }) : '',
    track.bitrate ? bitrate(track.bitrate) : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

/** A frame for any page. Names have nothing that HTML would read: letters, digits, "-", "_" and ".". */
function frameCode(name: string): string {
  return `<iframe src="${location.origin}${streamPath('embed', name)}"
  title="${name}" width="640" height="360" style="border:0"
  allow="autoplay; fullscreen; picture-in-picture"></iframe>`;
}

function chatCode(name: string): string {
  return `<iframe src="${location.origin}${streamPath('embed', name)}/chat"
  title="${name}" width="360" height="600" style="border:0"
  allow="clipboard-write"></iframe>`;
}

function elementCode(name: string): string {
  return `<script type="module" src="${location.origin}/player.js"></script>
<bongsu-player src="${location.origin}${streamPath('whep', name)}"
  autoplay muted controls></bongsu-player>`;
}
