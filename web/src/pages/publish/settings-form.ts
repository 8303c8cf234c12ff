import { html, type TemplateResult } from 'lit';
import { publishWords as say } from '../../i18n/publish.ts';
import { sendableCodecs } from '../../whip/codecs.ts';
import { bitrate } from '../format.ts';
import { supportedConstraints } from './constraints.ts';
import { bitrates, frameRates, heights, type Settings } from './settings.ts';

/** What the form shows, and whom it tells. */
export interface FormContext {
  settings: Settings;
  key: string;
  /** Whether a session runs, in which some things cannot change. */
  live: boolean;
  /** Whether a screen is shared. */
  screen: boolean;
  cameras: readonly MediaDeviceInfo[];
  microphones: readonly MediaDeviceInfo[];
  /** Ids of the devices in use, '' for none. */
  camera: string;
  microphone: string;
  change(changes: Partial<Settings>): void;
  changeKey(key: string): void;
}

/** The settings of a publisher. */
export function settingsForm(context: FormContext): TemplateResult {
  return html`
    <form class="settings" autocomplete="off" @submit=${(event: Event) => event.preventDefault()}>
      ${deviceFields(context)} ${pictureFields(context)} ${soundFields(context)} ${keyField(context)}
    </form>`;
}

function deviceFields({ settings, cameras, microphones, camera, microphone, change }: FormContext): TemplateResult {
  const named = (devices: readonly MediaDeviceInfo[]): Choice[] =>
    devices.map(({ deviceId, label }, index) => [deviceId, label || say('source.unnamed', { number: index + 1 })]);
  const byDefault: Choice = ['', say('source.default')];
  // The device in use, if it was chosen; else the default.
  const chosen = (wish: string, used: string) => (wish && used ? used : wish);
  return html`
    <fieldset class="card">
      <legend class="visually-hidden">${say('source.title')}</legend>
      ${select(
        'camera',
        say('source.camera.device'),
        [byDefault, ...named(cameras)],
        chosen(settings.camera, camera),
        (value) => change({ camera: value }),
      )}
      ${select(
        'microphone',
        say('source.microphone.device'),
        [byDefault, ...named(microphones), ['none', say('source.none')]],
        settings.voice ? chosen(settings.microphone, microphone) : 'none',
        (value) => change(value === 'none' ? { voice: false } : { voice: true, microphone: value }),
      )}
    </fieldset>`;
}

function pictureFields({ settings, live, screen, change }: FormContext): TemplateResult {
  const numbers = (values: readonly number[], unit = ''): Choice[] =>
    values.map((one) => [String(one), `${one}${unit}`]);
  const codecs: Choice[] = sendableCodecs().map((name) => [
    name,
    name === 'H264' || name === 'H265' ? `${name.slice(0, 1)}.${name.slice(1)}` : name,
  ]);
  return html`
    <fieldset class="card">
      <legend class="visually-hidden">${say('picture.title')}</legend>
      <h2>${say('picture.title')}</h2>
      <div class="pair">
        ${select('height', say('picture.resolution'), numbers(heights, 'p'), String(settings.height), (value) =>
          change({ height: Number(value) }),
        )}
        ${select('frame-rate', say('picture.frameRate'), numbers(frameRates), String(settings.frameRate), (value) =>
          change({ frameRate: Number(value) }),
        )}
      </div>
      <div class="field">
        <label for="bitrate">${say('picture.bitrate')}</label>
        <output for="bitrate" class="muted">${bitrate(settings.bitrate)}</output>
        <input id="bitrate" type="range" min=${bitrates.least} max=${bitrates.most} step=${bitrates.step}
          .value=${String(settings.bitrate)} aria-valuetext=${bitrate(settings.bitrate)}
          @input=${(event: Event) => change({ bitrate: Number((event.target as HTMLInputElement).value) })} />
      </div>
      ${select(
        'codec',
        say('picture.codec'),
        [['auto', say('picture.codec.auto')], ...codecs],
        settings.codec,
        (value) => change({ codec: value as Settings['codec'] }),
        live ? say('picture.codec.live') : undefined,
      )}
      ${
        screen
          ? select(
              'hint',
              say('picture.hint'),
              [
                ['detail', say('picture.hint.detail')],
                ['motion', say('picture.hint.motion')],
              ],
              settings.hint,
              (value) => change({ hint: value as Settings['hint'] }),
            )
          : ''
      }
    </fieldset>`;
}

function soundFields({ settings, live, change }: FormContext): TemplateResult {
  const supported = supportedConstraints();
  const speech = (['echoCancellation', 'noiseSuppression', 'autoGainControl'] as const).filter(
    (name) => supported[name],
  );
  return html`
    <fieldset class="card">
      <legend class="visually-hidden">${say('sound.title')}</legend>
      <h2>${say('sound.title')}</h2>
      ${speech.map((name) =>
        check(name, say(`sound.${name}`), settings[name] && !settings.music, settings.music, (value) =>
          change({ [name]: value }),
        ),
      )}
      ${check('music', say('sound.music'), settings.music, false, (music) => change({ music }))}
      ${live ? html`<p class="small muted">${say('sound.music.live')}</p>` : ''}
    </fieldset>`;
}

function keyField({ key, live, changeKey }: FormContext): TemplateResult {
  const show = (event: Event) => {
    const box = event.target as HTMLInputElement;
    const field = box.form?.elements.namedItem('key');
    if (field instanceof HTMLInputElement) {
      field.type = box.checked ? 'text' : 'password';
    }
  };
  return html`
    <fieldset class="card">
      <legend class="visually-hidden">${say('key.title')}</legend>
      <div class="field">
        <label for="key">${say('key.title')}</label>
        <input id="key" name="key" type="password" autocomplete="off" spellcheck="false" ?disabled=${live} .value=${key}
          aria-describedby="key-detail" @input=${(event: Event) => changeKey((event.target as HTMLInputElement).value.trim())} />
      </div>
      <label class="check"><input type="checkbox" @change=${show} /> ${say('key.show')}</label>
      <p id="key-detail" class="small muted">${say('key.detail')}</p>
    </fieldset>`;
}

/** A value and what it is called. */
type Choice = [value: string, label: string];

function select(
  id: string,
  label: string,
  choices: Choice[],
  chosen: string,
  change: (value: string) => void,
  locked?: string,
): TemplateResult {
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <select id=${id} ?disabled=${locked !== undefined} aria-describedby=${locked ? `${id}-locked` : ''}
        @change=${(event: Event) => change((event.target as HTMLSelectElement).value)}>
        ${choices.map(([value, name]) => html`<option value=${value} .selected=${value === chosen}>${name}</option>`)}
      </select>
      ${locked ? html`<p id="${id}-locked" class="small muted">${locked}</p>` : ''}
    </div>`;
}

function check(
  id: string,
  label: string,
  checked: boolean,
  disabled: boolean,
  change: (value: boolean) => void,
): TemplateResult {
  return html`
    <label class="check">
      <input id=${id} type="checkbox" .checked=${checked} ?disabled=${disabled}
        @change=${(event: Event) => change((event.target as HTMLInputElement).checked)} />
      ${label}
    </label>`;
}
