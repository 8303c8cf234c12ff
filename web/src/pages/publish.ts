import 'webrtc-adapter';
import { html, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { publishWords as say } from '../i18n/publish.ts';
import { WhipClient } from '../whip/client.ts';
import { viewers } from './format.ts';
import { streamPath } from './name.ts';
import { StreamPage } from './page.ts';
import { Capture, CaptureError } from './publish/capture.ts';
import { Devices } from './publish/devices.ts';
import { mediaProblem, type Problem, whipProblem } from './publish/problems.ts';
import { encodingOf, loadKey, loadSettings, type Settings, saveKey, saveSettings } from './publish/settings.ts';
import { settingsForm } from './publish/settings-form.ts';
import { WakeLock } from './publish/wake-lock.ts';
import { signalingOption } from './signaling.ts';
import { isLive, Poll, type StreamInfo } from './streams.ts';
import './chat-pane.ts';
import './copy-field.ts';
import './publish/level.ts';
import './publish/live-statistics.ts';
import './publish/studio.css';

/** The page `/publish/:stream`: a small studio. `?signaling=ws` publishes over a WebSocket. */
@customElement('bongsu-publish')
export class PublishPage extends StreamPage {
  @state() private settings: Settings = loadSettings();
  @state() private key = loadKey(this.stream);
  /** What the devices have to complain about. */
  @state() private problem: Problem | undefined;
  @query('video') private readonly preview!: HTMLVideoElement | null;

  private client: WhipClient | undefined;
  private readonly capture = new Capture();
  private readonly devices = new Devices(this);
  private readonly info = new Poll<StreamInfo>(this, () =>
    this.live === 'live' ? streamPath('api/v1/streams', this.stream) : undefined,
  );
  private readonly wakeLock = new WakeLock();
  private ticking: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.capture.addEventListener('change', this.captureChanged);
    this.capture.addEventListener('lost', this.deviceLost);
    addEventListener('beforeunload', this.hold);
    if (!isSecureContext) {
      this.problem = mediaProblem(new TypeError(), 'camera');
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.capture.removeEventListener('change', this.captureChanged);
    this.capture.removeEventListener('lost', this.deviceLost);
    removeEventListener('beforeunload', this.hold);
    void this.stop();
    this.capture.close();
  }

  protected override heading(): string {
    return say('title', { name: this.stream });
  }

  protected override streamContent(): TemplateResult {
    return html`
      <div class="studio ${this.busy ? 'busy' : ''}">
        <div class="desk">
          <h1>${this.stream} <span class="muted">${say('heading')}</span></h1>
          ${this.stage()} ${this.sources()} ${this.soundRow()} ${this.switchRow()} ${this.problems()}
          ${this.live === 'live' ? this.share() : ''}
          ${this.busy ? html`<live-statistics .peer=${() => this.client?.peer}></live-statistics>` : ''}
        </div>
        <chat-pane stream=${this.stream} .source=${this.client}></chat-pane>
        ${settingsForm({
          settings: this.settings,
          key: this.key,
          live: this.busy,
          screen: this.capture.has('screen'),
          cameras: this.devices.cameras,
          microphones: this.devices.microphones,
          camera: this.capture.deviceId('camera'),
          microphone: this.capture.deviceId('microphone'),
          change: (changes) => void this.attempt(() => this.apply(changes)),
          changeKey: (key) => {
            this.key = key;
            saveKey(this.stream, key);
          },
        })}
      </div>`;
  }

  protected override updated(): void {
    const track = this.capture.video;
    const shown = this.preview?.srcObject;
    if (this.preview && (shown instanceof MediaStream ? shown.getTracks()[0] : undefined) !== (track ?? undefined)) {
      this.preview.srcObject = track ? new MediaStream([track]) : null;
    }
  }

  private stage(): TemplateResult {
    const { video, audio } = this.capture;
    const own = video !== null && !this.capture.has('screen');
    return html`
      <div class="stage">
        <video class=${own ? 'mirrored' : ''} ?hidden=${!video} muted .muted=${true} autoplay playsinline
          aria-label=${say('source.preview')}></video>
        ${video ? '' : html`<p>${audio ? say('source.sound') : say('source.empty')}</p>`}
        <span id="state" class="tag ${this.live === 'live' ? 'live' : ''}" aria-hidden="true">${this.stateWords()}</span>
        <span class="visually-hidden" role="status">${say(this.live === 'reconnecting' ? 'state.reconnecting.now' : `state.${this.live}`)}</span>
      </div>`;
  }

  private sources(): TemplateResult {
    const screen = this.capture.has('screen');
    const camera = this.capture.has('camera') && !screen;
    const sound = this.capture.has('microphone') && !this.capture.video;
    return html`
      <div class="line sources" role="group" aria-label=${say('source.title')}>
        <button id="use-camera" aria-pressed=${camera} @click=${() => this.attempt(() => this.useCamera())}>${say('source.camera')}</button>
        <button id="use-screen" aria-pressed=${screen} @click=${() => this.attempt(() => this.capture.useScreen(this.settings))}>${say('source.screen')}</button>
        <button id="use-sound" aria-pressed=${sound} @click=${() => this.attempt(() => this.useSound())}>${say('source.sound')}</button>
      </div>
      ${screen ? html`<p class="small muted">${say('source.screen.now')} ${say(this.capture.has('screenSound') ? 'source.screen.sound' : 'source.screen.silent')}</p>` : ''}`;
  }

  private soundRow(): TemplateResult | '' {
    const { muted } = this.capture;
    return this.capture.audio
      ? html`
          <div class="line sound">
            <level-meter .track=${this.capture.audio}></level-meter>
            ${
              this.capture.has('microphone')
                ? html`<button id="mute" @click=${() => {
                    this.capture.muted = !muted;
                  }}>${say(muted ? 'source.unmute' : 'source.mute')}</button>`
                : ''
            }
          </div>`
      : '';
  }

  private switchRow(): TemplateResult {
    const nothing = !this.capture.video && !this.capture.audio;
    return html`
      <div class="line">
        ${
          this.busy
            ? html`<button id="stop" @click=${() => void this.stop()}>${say('do.stop')}</button>`
            : html`<button id="start" class="primary" aria-disabled=${nothing} aria-describedby="need" @click=${this.start}>
                ${say(this.client?.state === 'failed' ? 'do.retry' : 'do.start')}
              </button>`
        }
        ${nothing ? html`<span id="need" class="small muted">${say('do.needSource')}</span>` : ''}
      </div>`;
  }

  private problems(): TemplateResult {
    const { problem, client } = this;
    const newTab = problem?.newTab
      ? html` <a href=${location.href} target="_blank" rel="noopener">${say('do.newTab')}</a>`
      : '';
    return html`
      <div role="alert" class="stack">
        ${problem ? html`<p class="notice bad">${problem.text}${newTab}</p>` : ''}
        ${client?.error ? html`<p class="notice bad">${whipProblem(client.error, this.stream, this.busy)}</p>` : ''}
      </div>`;
  }

  private share(): TemplateResult {
    const path = streamPath('watch', this.stream);
    return html`
      <section class="card stack share" aria-labelledby="share-title">
        <div class="line">
          <h2 id="share-title">${say('share.title')}</h2>
          <span class="tag" id="viewers">${viewers(this.info.value?.viewers ?? 0)}</span>
        </div>
        <copy-field .label=${say('share.link')} .value=${location.origin + path}></copy-field>
        <p><a href=${path} target="_blank" rel="noopener">${say('share.open')}</a></p>
      </section>`;
  }

  private get live(): WhipClient['state'] {
    return this.client?.state ?? 'idle';
  }

  /** Whether a session runs or is tried. */
  private get busy(): boolean {
    return this.live !== 'idle' && this.live !== 'failed';
  }

  private stateWords(): string {
    if (this.live !== 'reconnecting') {
      return say(`state.${this.live}`);
    }
    const seconds = Math.ceil(((this.client?.retryAt ?? 0) - Date.now()) / 1000);
    return seconds > 0 ? say('state.reconnecting', { seconds }) : say('state.reconnecting.now');
  }

  private readonly start = (): void => {
    const { video, audio } = this.capture;
    if (!video && !audio) {
      this.problem = { text: say('do.needSource') };
      return;
    }
    this.problem = undefined;
    const client = new WhipClient({
      endpoint: streamPath('whip', this.stream),
      token: this.key,
      signaling: signalingOption(),
      takenOver: () => isLive(this.stream),
      chat: true,
    });
    client.addEventListener('statechange', () => this.clientChanged());
    this.client = client;
    client.start({ video, audio }, encodingOf(this.settings));
  };

  private async stop(): Promise<void> {
    await this.client?.stop();
  }

  private clientChanged(): void {
    this.wakeLock.set(this.busy);
    clearInterval(this.ticking);
    if (this.live === 'reconnecting') {
      this.ticking = setInterval(() => this.requestUpdate(), 1000);
    }
    this.requestUpdate();
  }

  /** Does something with devices, and tells what they refuse. */
  private async attempt(action: () => Promise<void>): Promise<void> {
    this.problem = undefined;
    try {
      await action();
    } catch (error) {
      this.problem =
        error instanceof CaptureError ? mediaProblem(error.cause, error.device) : mediaProblem(error, 'camera');
    }
    await this.devices.refresh();
  }

  /** One question for camera and microphone; if one of them is missing or busy, the other goes on alone. */
  private async useCamera(): Promise<void> {
    const { settings } = this;
    try {
      await this.capture.useCamera(settings);
    } catch (error) {
      const refused = error instanceof CaptureError && Object(error.cause).name === 'NotAllowedError';
      if (refused || !settings.voice || this.capture.has('microphone')) {
        throw error;
      }
      await this.capture.useCamera({ ...settings, voice: false });
      await this.capture.useMicrophone(settings);
    }
  }

  private async useSound(): Promise<void> {
    this.set({ voice: true });
    await this.capture.useMicrophone(this.settings);
    this.capture.stop('camera', 'screen', 'screenSound');
  }

  private set(changes: Partial<Settings>): void {
    this.settings = { ...this.settings, ...changes };
    saveSettings(this.settings);
  }

  /** Takes over changed settings: most apply to what runs. */
  private async apply(changes: Partial<Settings>): Promise<void> {
    this.set(changes);
    const { settings, capture } = this;
    const touches = (...names: (keyof Settings)[]) => names.some((name) => name in changes);
    if (touches('camera') && capture.has('camera')) {
      await capture.useCamera(settings);
    }
    if (touches('voice', 'microphone', 'echoCancellation', 'noiseSuppression', 'autoGainControl', 'music')) {
      if (!settings.voice) {
        capture.stop('microphone');
      } else if (capture.video || capture.audio) {
        await capture.useMicrophone(settings);
      }
    }
    if (touches('height', 'frameRate', 'hint')) {
      await capture.adjust(settings);
    }
    await this.client?.encode(encodingOf(settings));
  }

  private readonly captureChanged = (): void => {
    const { video, audio } = this.capture;
    if (this.busy) {
      void this.client?.replace({ video, audio });
    }
    this.requestUpdate();
  };

  private readonly deviceLost = (event: Event): void => {
    const { detail } = event as CustomEvent<string>;
    const key =
      detail === 'microphone'
        ? 'notice.microphoneGone'
        : detail === 'camera'
          ? 'notice.cameraGone'
          : this.capture.video
            ? 'notice.cameraBack'
            : 'notice.screenEnded';
    if (detail !== 'screenSound') {
      this.problem = { text: say(key) };
    }
  };

  /** Asks before a live page is left. */
  private readonly hold = (event: BeforeUnloadEvent): void => {
    if (this.busy) {
      event.preventDefault();
    }
  };
}
