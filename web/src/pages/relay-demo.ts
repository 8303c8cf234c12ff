import 'webrtc-adapter';
import { html, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { relayWords as say } from '../i18n/relay.ts';
import { Broadcast } from '../relay/bridge.ts';
import { Call } from '../relay/call.ts';
import { ownRelay, RelayChannel } from '../relay/channel.ts';
import { largestFile, type Transfer } from '../relay/files.ts';
import { streamPath } from './name.ts';
import { Page } from './page.ts';
import './copy-field.ts';
import './relay-demo.css';

type Problem = 'problem.camera' | 'problem.insecure' | 'problem.relay';

/** The page `/relay-demo`: a call between two browsers that find each other over the relay. */
@customElement('bongsu-relay-demo')
export class RelayDemo extends Page {
  @state() private room =
    decodeURIComponent(location.hash.slice(1)) || `room-${crypto.getRandomValues(new Uint16Array(1))[0]}`;
  @state() private problem: Problem | undefined = isSecureContext ? undefined : 'problem.insecure';
  @state() private notice = '';
  @state() private joining = false;
  @state() private call: Call | undefined;
  @state() private broadcast: Broadcast | undefined;
  @query('#mine') private readonly mine!: HTMLVideoElement | null;
  @query('#theirs') private readonly theirs!: HTMLVideoElement | null;

  private media: MediaStream | undefined;
  private channel: RelayChannel | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('pagehide', this.leave);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('pagehide', this.leave);
    this.leave();
  }

  protected override heading(): string {
    return say('title');
  }

  protected override content(): TemplateResult {
    const { call } = this;
    return html`
      <div class="lead">
        <h1>${say('title')}</h1>
        <p class="muted">${say('intro')}</p>
      </div>
      ${this.problem ? html`<p class="notice bad" role="alert">${say(this.problem)}</p>` : ''}
      ${call ? this.talk(call) : this.door()}`;
  }

  protected override updated(): void {
    attach(this.mine, this.media);
    attach(this.theirs, this.call?.remote);
  }

  private door(): TemplateResult {
    return html`
      <form class="stack door" @submit=${this.join}>
        <label for="room">${say('room')}</label>
        <div class="row">
          <input id="room" required maxlength="64" autocomplete="off" .value=${this.room} @input=${(
            event: InputEvent,
          ) => {
            this.room = (event.target as HTMLInputElement).value;
          }} />
          <button id="join" class="primary" ?disabled=${this.joining}>${say(this.joining ? 'joining' : 'join')}</button>
        </div>
      </form>`;
  }

  private talk(call: Call): TemplateResult {
    const { state } = call;
    return html`
      <div class="pair">
        <figure><video id="theirs" autoplay playsinline aria-label=${say('other')} ?hidden=${!call.remote}></video>
          <figcaption id="state" role="status">${state === 'connected' ? say('other') : say(`state.${state}`)}</figcaption></figure>
        <figure><video id="mine" class="mirrored" autoplay playsinline muted .muted=${true} aria-label=${say('you')}></video>
          <figcaption>${say('you')}</figcaption></figure>
      </div>
      <p class="line">
        <button id="leave" @click=${this.leave}>${say('leave')}</button>
        <button id="broadcast" @click=${this.toggleBroadcast}>${say(this.broadcast ? 'live.stop' : 'live.start')}</button>
        ${this.live()}
      </p>
      ${state === 'waiting' ? html`<copy-field label=${say('room.share')} .value=${this.address()}></copy-field>` : ''}
      ${state === 'connected' ? this.exchange(call) : ''}
      ${this.notice ? html`<p class="notice bad" role="alert">${this.notice}</p>` : ''}
      <ul class="transfers">${call.files.transfers.map(transferLine)}</ul>`;
  }

  private live(): TemplateResult {
    const { broadcast } = this;
    if (broadcast?.problem) {
      return html`<span class="notice bad" role="alert">${broadcast.problem}</span>`;
    }
    return broadcast?.live
      ? html`<a id="watch" href=${streamPath('watch', this.room)} target="_blank" rel="noopener">${say('live.watch', { name: this.room })}</a>`
      : html`<span class="small muted">${say('live.detail')}</span>`;
  }

  private exchange(call: Call): TemplateResult {
    return html`
      <section class="stack">
        <ol class="lines" role="log">${call.lines.map(
          ({ mine, text }) => html`<li class=${mine ? 'mine' : ''}><b>${say(mine ? 'you' : 'other')}</b> ${text}</li>`,
        )}</ol>
        <form class="row" @submit=${(event: SubmitEvent) => this.write(event, call)}>
          <input id="line" maxlength="2000" autocomplete="off" aria-label=${say('write')} placeholder=${say('write')} />
          <button>${say('send')}</button>
        </form>
        <label class="line">${say('file')} <input id="file" type="file" multiple @change=${(event: Event) => this.sendFiles(event, call)} /></label>
      </section>`;
  }

  private address(): string {
    return `${location.origin}${location.pathname}#${encodeURIComponent(this.room)}`;
  }

  private readonly join = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    this.joining = true;
    this.problem = undefined;
    try {
      this.media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    } catch {
      this.problem = isSecureContext ? 'problem.camera' : 'problem.insecure';
      this.joining = false;
      return;
    }
    try {
      this.channel = await RelayChannel.open(ownRelay(), this.room);
      this.call = new Call(this.channel, this.media);
      this.call.addEventListener('change', () => this.requestUpdate());
      history.replaceState(null, '', this.address());
    } catch {
      this.problem = 'problem.relay';
      stopTracks(this.media);
    }
    this.joining = false;
  };

  private readonly leave = (): void => {
    this.broadcast?.stop();
    this.broadcast = undefined;
    this.call?.hangUp();
    this.call = undefined;
    stopTracks(this.media);
    this.media = undefined;
  };

  private readonly toggleBroadcast = (): void => {
    if (this.broadcast) {
      this.broadcast.stop();
      this.broadcast = undefined;
    } else if (this.channel && this.media) {
      this.broadcast = new Broadcast(this.channel, this.room);
      this.broadcast.addEventListener('change', () => this.requestUpdate());
      void this.broadcast.start(this.media);
    }
  };

  private write(event: SubmitEvent, call: Call): void {
    event.preventDefault();
    const input = this.querySelector<HTMLInputElement>('#line');
    if (input?.value) {
      call.write(input.value);
      input.value = '';
    }
  }

  private sendFiles(event: Event, call: Call): void {
    const input = event.target as HTMLInputElement;
    this.notice = '';
    for (const file of input.files ?? []) {
      if (file.size > largestFile) {
        this.notice = say('file.large', { name: file.name });
      } else {
        call.files.send(file);
      }
    }
    input.value = '';
  }
}

function transferLine({ name, size, done, mine, state, hash, url }: Transfer): TemplateResult {
  const percent = size ? Math.floor((100 * done) / size) : 100;
  return html`
    <li class="line ${state}" data-name=${name}>
      <b>${name}</b>
      <progress max="100" value=${percent} aria-label=${name}></progress>
      <span role="status">${state === 'complete' && mine ? say('file.sent') : say(`file.${state}`, { percent })}</span>
      ${url ? html`<a class="button" href=${url} download=${name}>${say('file.save')}</a>` : ''}
      ${hash ? html`<code class="small muted">${say('file.hash', { hash })}</code>` : ''}
    </li>`;
}

function attach(video: HTMLVideoElement | null, media: MediaStream | undefined): void {
  if (video && video.srcObject !== (media ?? null)) {
    video.srcObject = media ?? null;
  }
}

function stopTracks(media: MediaStream | undefined): void {
  for (const track of media?.getTracks() ?? []) {
    track.stop();
  }
}
