import { html, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { pageWords as say } from '../i18n/pages.ts';
import { nameProblem, streamPath } from './name.ts';
import { LightElement } from './page.ts';
import './copy-field.ts';

/** How to start a stream: from the browser, OBS, FFmpeg and GStreamer, with the name that is typed in. */
@customElement('how-to-start')
export class HowToStart extends LightElement {
  @state() private name = '';
  @state() private complain = false;

  protected override render(): TemplateResult {
    const name = nameProblem(this.name) ? 'my-stream' : this.name;
    const endpoint = location.origin + streamPath('whip', name);
    return html`
      <section class="start" aria-labelledby="start-title">
        <h2 id="start-title">${say('start.title')}</h2>
        ${this.nameForm()}
        <div class="ways">
          ${way(
            'start.obs',
            'start.obs.detail',
            html`
              <copy-field .label=${say('start.obs.service')} .value=${'WHIP'}></copy-field>
              <copy-field .label=${say('start.obs.server')} .value=${`${location.origin}/whip`}></copy-field>
              <copy-field .label=${say('start.obs.token')} .value=${name}></copy-field>
              <p class="small muted">${say('start.obs.hint')}</p>`,
          )}
          ${way('start.ffmpeg', 'start.ffmpeg.detail', command('FFmpeg', ffmpeg(endpoint)))}
          ${way('start.gstreamer', 'start.gstreamer.detail', command('GStreamer', gstreamer(endpoint)))}
        </div>
      </section>`;
  }

  private nameForm(): TemplateResult {
    const problem = this.complain ? nameProblem(this.name) : undefined;
    return html`
      <form class="card stack" @submit=${this.open} novalidate>
        <div>
          <h3>${say('start.browser')}</h3>
          <p class="muted">${say('start.browser.detail')}</p>
        </div>
        <label for="stream-name">${say('name.label')}</label>
        <div class="row">
          <input id="stream-name" name="stream" placeholder="my-stream" autocomplete="off" autocapitalize="off"
            spellcheck="false" enterkeyhint="go" .value=${this.name} @input=${this.typed}
            aria-describedby="name-rule name-problem" aria-invalid=${problem ? 'true' : 'false'} />
          <button class="primary">${say('start.browser.go')}</button>
        </div>
        <p id="name-problem" class="problem" role="alert">${problem && say(problem.key, { ...problem })}</p>
        <p id="name-rule" class="small muted">${say('name.rule')}</p>
      </form>`;
  }

  private typed(event: InputEvent): void {
    // In NFC, as the server takes it: keyboards and files may give letters in pieces.
    this.name = (event.target as HTMLInputElement).value.trim().normalize('NFC');
    // While typing only what cannot become right by typing on.
    this.complain = this.name !== '' && nameProblem(this.name)?.key !== 'name.dots';
  }

  private open(event: Event): void {
    event.preventDefault();
    if (nameProblem(this.name)) {
      this.complain = true;
      this.querySelector<HTMLInputElement>('#stream-name')?.focus();
      return;
    }
    location.assign(streamPath('publish', this.name));
  }
}

type Way = 'start.obs' | 'start.ffmpeg' | 'start.gstreamer';

function way(title: Way, detail: `${Way}.detail`, content: TemplateResult): TemplateResult {
  return html`
    <details class="card" ?open=${title === 'start.obs'}>
      <summary><h3>${say(title)}</h3></summary>
      <div class="stack">
        <p class="muted">${say(detail)}</p>
        ${content}
      </div>
    </details>`;
}

function command(label: string, text: string): TemplateResult {
  return html`<copy-field .label=${label} .value=${text}></copy-field>`;
}

function ffmpeg(endpoint: string): string {
  return `ffmpeg -re -i video.mp4 \\
  -c:v libx264 -preset veryfast -tune zerolatency \\
  -bf 0 -g 30 -pix_fmt yuv420p -b:v 2500k \\
  -c:a libopus -ar 48000 -ac 2 -b:a 128k \\
  -f whip "${endpoint}"`;
}

function gstreamer(endpoint: string): string {
  return `gst-launch-1.0 whipclientsink name=out \\
  signaller::whip-endpoint="${endpoint}" \\
  videotestsrc is-live=true ! videoconvert ! out. \\
  audiotestsrc is-live=true wave=ticks ! audioconvert ! out.`;
}
