/** `<bongsu-player>`: `<whep-video>` with controls, words for every state, and statistics. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import 'media-chrome/media-controller';
import 'media-chrome/media-control-bar';
import 'media-chrome/media-fullscreen-button';
import 'media-chrome/media-mute-button';
import 'media-chrome/media-pip-button';
import 'media-chrome/media-play-button';
import 'media-chrome/media-volume-range';
import { addTranslation } from 'media-chrome/utils/i18n';
import type {
  BongsuPlayerElement,
  WhepReason,
  WhepState,
  WhepStateDetail,
  WhepStatistics,
  WhepVideoElement,
} from '../api.ts';
import { type Language, LanguageController, language, spoken } from '../i18n/index.ts';
import { mediaChromeKorean, t } from '../i18n/player.ts';
import '../whep/element.ts';
import './statistics.ts';
import { beaconIcon, mutedIcon, playIcon, statisticsIcon } from './icons.ts';
import { keepKeys } from './keys.ts';
import { playerStyle } from './styles.ts';

addTranslation('ko', mediaChromeKorean);

/** The keys of media-chrome that mean nothing for a live stream: seeking, captions, speed, its own list of keys. */
const keysOfOthers = 'noarrowleft noarrowright noj nol noc no< no> noshift+/';

/**
 * A player for a live stream. With `autoplay` it connects and plays at once, muted if the browser refuses sound, and offers
 * to switch sound on; without, it connects when somebody presses play.
 *
 * Keys, while the focus is in the player: space or k play and pause, m sound, f full screen, p picture in picture, the up
 * and down arrows volume, i statistics.
 *
 * @tag bongsu-player
 * @attr {string} src - The URL of the WHEP endpoint.
 * @attr {string} token - The bearer token for it.
 * @attr {string} signaling - "ws": over a WebSocket to /signal of the same server, instead of "http".
 * @attr {boolean} autoplay - Play without being asked to.
 * @attr {boolean} muted - Begin without sound.
 * @attr {boolean} controls - Show the controls.
 * @attr {string} poster - A picture to show until the first frame.
 * @attr {boolean} chat - Have a data channel for `<bongsu-chat for="...">` in each session.
 * @attr {string} lang - The language, "en" or "ko", instead of the reader's own.
 * @prop {WhepState} state - Where the session stands; read-only.
 * @prop {WhepReason | undefined} reason - Why; read-only.
 * @prop {WhepStatistics | undefined} statistics - The latest statistics; read-only.
 * @prop {RTCPeerConnection | undefined} peerConnection - The peer connection of the session; read-only.
 * @prop {RTCDataChannel | undefined} chatChannel - The data channel of the session for the chat; read-only.
 * @prop {WhepVideoElement | null} media - The media element inside; read-only.
 * @fires chatchannel - There is another `chatChannel`.
 * @fires {CustomEvent<WhepStateDetail>} statechange - The state or its reason changed.
 * @fires {CustomEvent<WhepStatistics>} statistics - Once a second while there is a session.
 * @cssprop [--bongsu-accent=#ff8a4c] - The color of what matters.
 * @cssprop [--bongsu-text] - The color of text and signs.
 * @cssprop [--bongsu-shade] - The background of what lies upon the picture.
 * @cssprop [--bongsu-font] - The font family.
 * @cssprop [--bongsu-aspect-ratio=16 / 9] - The shape of the player.
 * @cssprop [--bongsu-radius=0] - The radius of its corners.
 * @csspart video - The native video element.
 * @csspart controls - The bar of controls.
 * @csspart live-button - The button that leads back to the live edge.
 * @csspart big-button - The large buttons for play and sound.
 * @csspart overlay - What explains a state.
 * @csspart retry-button - The button to try again.
 * @csspart statistics - The statistics panel.
 */
export class BongsuPlayer extends LitElement implements BongsuPlayerElement {
  static override styles = playerStyle;

  @property({ reflect: true }) src: string | null = null;
  @property({ reflect: true }) token: string | null = null;
  @property() signaling: 'http' | 'ws' = 'http';
  @property({ reflect: true }) poster: string | null = null;
  @property({ type: Boolean, reflect: true }) autoplay = false;
  @property({ type: Boolean, reflect: true }) muted = false;
  @property({ type: Boolean, reflect: true }) controls = false;
  @property({ type: Boolean, reflect: true }) chat = false;
  @property({ reflect: true }) override lang = '';

  @query('whep-video') readonly media!: WhepVideoElement | null;

  @state() private status: WhepStateDetail = { state: 'idle', reason: undefined, title: '', advice: '', message: '' };
  @state() private paused = true;
  @state() private soundRefused = false;
  @state() private showStatistics = false;
  @state() private latest: WhepStatistics | undefined;

  constructor() {
    super();
    new LanguageController(this);
  }

  get state(): WhepState {
    return this.media?.state ?? 'idle';
  }

  get reason(): WhepReason | undefined {
    return this.media?.reason;
  }

  get statistics(): WhepStatistics | undefined {
    return this.media?.statistics;
  }

  get peerConnection(): RTCPeerConnection | undefined {
    return this.media?.peerConnection;
  }

  get chatChannel(): RTCDataChannel | undefined {
    return this.media?.chatChannel;
  }

  /** Begins a new session now, whatever the state. */
  reconnect(): void {
    this.media?.reconnect();
  }

  /** Pauses, ends the session, and stays idle until reconnect() or play() is called, or src changes. */
  close(): void {
    this.media?.close();
  }

  /** Plays at the live edge. Rejects with NotAllowedError if the browser wants a gesture first. */
  async play(): Promise<void> {
    await this.updateComplete;
    await this.media?.play();
  }

  /** Stops the picture and the sound; the session goes on. */
  pause(): void {
    this.media?.pause();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('muted') && this.media) {
      this.media.muted = this.muted;
    }
    if ((changed.has('src') || changed.has('autoplay')) && this.src && this.autoplay) {
      void this.#autoplay();
    }
  }

  /** Plays, without sound if need be. What the browser refuses altogether waits for the large play button. */
  async #autoplay(): Promise<void> {
    const { media } = this;
    try {
      await media?.play();
    } catch (error) {
      if (media && !media.muted && error instanceof DOMException && error.name === 'NotAllowedError') {
        media.muted = true;
        this.soundRefused = true;
        await media.play().catch(() => undefined);
      }
    }
  }

  #soundOn(): void {
    if (this.media) {
      this.media.muted = false;
      this.#playNow();
    }
  }

  #playNow(): void {
    // A refusal leaves the large play button where it is.
    this.media?.play().catch(() => undefined);
  }

  #stateChanged({ detail }: CustomEvent<WhepStateDetail>): void {
    this.status = detail;
    this.latest = this.media?.statistics;
    this.dispatchEvent(new CustomEvent('statechange', { detail }));
  }

  #measured({ detail }: CustomEvent<WhepStatistics>): void {
    this.latest = detail;
    this.dispatchEvent(new CustomEvent('statistics', { detail }));
  }

  #mediaChanged(): void {
    this.paused = this.media?.paused ?? true;
    this.soundRefused &&= this.media?.muted ?? false;
  }

  #key(event: KeyboardEvent): void {
    if (this.controls && event.key.toLowerCase() === 'i' && !event.ctrlKey && !event.metaKey && !event.altKey) {
      this.showStatistics = !this.showStatistics;
    }
  }

  override render() {
    const { state, message } = this.status;
    return html`
      <media-controller
        tabindex="0"
        lang=${this.#language}
        hotkeys=${this.controls ? keysOfOthers : nothing}
        keyboardupvolumestep="0.1"
        keyboarddownvolumestep="0.1"
        noautoseektolive
        nomutedpref
        novolumepref
        ?nohotkeys=${!this.controls}
        ?gesturesdisabled=${!this.controls}
        @keyup=${this.#key}
      >
        <whep-video
          slot="media"
          exportparts="video"
          playsinline
          lang=${this.#language}
          src=${this.src ?? nothing}
          token=${this.token ?? nothing}
          signaling=${this.signaling === 'ws' ? 'ws' : nothing}
          poster=${this.poster ?? nothing}
          ?chat=${this.chat}
          preload=${this.autoplay ? 'auto' : 'none'}
          @statechange=${this.#stateChanged}
          @statistics=${this.#measured}
          @chatchannel=${() => this.dispatchEvent(new Event('chatchannel'))}
          @play=${this.#mediaChanged}
          @pause=${this.#mediaChanged}
          @emptied=${this.#mediaChanged}
          @volumechange=${this.#mediaChanged}
        ></whep-video>
        ${this.#explains ? this.#overlay() : this.#bigButton()}
        ${state === 'reconnecting' && this.#hasPicture ? this.#pill() : nothing}
        ${this.showStatistics ? this.#panel() : nothing}
        ${this.controls ? this.#bar() : nothing}
        <div class="status" role="status" noautohide>${message}</div>
      </media-controller>
    `;
  }

  get #language(): Language {
    return spoken(this.lang) ?? language();
  }

  #say(key: Parameters<typeof t>[0]): string {
    return t(key, {}, this.#language);
  }

  /** A last picture is worth more than words about a short interruption. */
  get #hasPicture(): boolean {
    return (this.media?.readyState ?? 0) >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  get #explains(): boolean {
    const { state } = this.status;
    return (
      state === 'failed' ||
      state === 'connecting' ||
      state === 'waiting' ||
      (state === 'reconnecting' && !this.#hasPicture)
    );
  }

  #overlay() {
    const { state, title, advice } = this.status;
    const failed = state === 'failed';
    return html`
      <div slot="centered-chrome" part="overlay" class="overlay ${failed ? 'failed' : 'busy'}" noautohide>
        ${beaconIcon}
        <strong>${title}</strong>
        ${advice ? html`<p>${advice}</p>` : nothing}
        ${failed ? this.#retryButton() : nothing}
      </div>
    `;
  }

  #retryButton() {
    return html`
      <button type="button" part="retry-button" @click=${this.reconnect} @keydown=${keepKeys} @keyup=${keepKeys}>
        ${this.#say('player.retry')}
      </button>
    `;
  }

  #bigButton() {
    const big = (sign: unknown, words: string, act: () => void) => html`
      <button
        type="button"
        slot="centered-chrome"
        part="big-button"
        class="big"
        noautohide
        @click=${act}
        @keydown=${keepKeys}
        @keyup=${keepKeys}
      >
        ${sign} ${words}
      </button>
    `;
    if (this.paused && this.src) {
      return big(playIcon, this.#say('player.play'), this.#playNow);
    }
    // A stream without sound has nothing to tap for.
    const silent = this.latest !== undefined && this.latest.audioCodec === undefined;
    return this.soundRefused && !silent ? big(mutedIcon, this.#say('player.sound'), this.#soundOn) : nothing;
  }

  #pill() {
    return html`<div slot="top-chrome" class="pill" noautohide aria-hidden="true">${this.#say('state.reconnecting')}</div>`;
  }

  #panel() {
    return html`
      <div slot="top-chrome" class="board" noautohide>
        <bongsu-statistics
          part="statistics"
          .statistics=${this.latest}
          .language=${this.#language}
          @close=${() => {
            this.showStatistics = false;
          }}
        ></bongsu-statistics>
      </div>
    `;
  }

  #bar() {
    const live = this.status.state === 'live' && !this.paused;
    return html`
      <media-control-bar part="controls">
        <media-play-button></media-play-button>
        <media-mute-button></media-mute-button>
        <media-volume-range></media-volume-range>
        <button
          type="button"
          part="live-button"
          class="live-button"
          ?data-live=${live}
          aria-label=${this.#say(live ? 'player.isLive' : 'player.goLive')}
          @click=${this.#playNow}
          @keydown=${keepKeys}
          @keyup=${keepKeys}
        >
          ${this.#say('player.live')}
        </button>
        <span class="space"></span>
        <button
          type="button"
          class="icon"
          aria-label=${this.#say('player.statistics')}
          aria-pressed=${this.showStatistics}
          title="${this.#say('player.statistics')} (i)"
          @click=${() => {
            this.showStatistics = !this.showStatistics;
          }}
          @keydown=${keepKeys}
          @keyup=${keepKeys}
        >
          ${statisticsIcon}
        </button>
        <media-pip-button></media-pip-button>
        <media-fullscreen-button></media-fullscreen-button>
      </media-control-bar>
    `;
  }
}

customElements.get('bongsu-player') ?? customElements.define('bongsu-player', BongsuPlayer);
