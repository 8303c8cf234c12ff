import { html, LitElement, type TemplateResult } from 'lit';
import { LanguageController, language, languageNames, languages, setLanguage } from '../i18n/index.ts';
import { pageWords as say } from '../i18n/pages.ts';
import { nameProblem, streamFromPath } from './name.ts';
import './page.css';

/** An element that renders into the page itself, so that the page's own styles and labels apply to it. */
export abstract class LightElement extends LitElement {
  constructor() {
    super();
    new LanguageController(this);
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}

/** What every page has: header with the language switch, main part, footer. */
export abstract class Page extends LightElement {
  /** The title of the document. */
  protected abstract heading(): string;
  protected abstract content(): TemplateResult;

  protected override render(): TemplateResult {
    document.documentElement.lang = language();
    document.title = `${this.heading()} · Bongsu`;
    return html`
      <a class="skip" href="#main">${say('site.skip')}</a>
      <header class="site">
        <a class="brand" href="/" aria-label=${say('site.home')}>${beacon}<span>Bongsu</span></a>
        <div class="languages" role="group" aria-label=${say('site.language')}>${languages.map(
          (one) => html`
            <button class="quiet" lang=${one} aria-pressed=${one === language()} @click=${() => setLanguage(one)}>
              ${languageNames[one]}
            </button>`,
        )}
        </div>
      </header>
      <main id="main" tabindex="-1">${this.content()}</main>
      <footer class="site muted small">${say('site.footer')}</footer>`;
  }
}

/** A page about one stream. With a name that cannot be one, it tells the rule instead. */
export abstract class StreamPage extends Page {
  protected readonly stream = streamFromPath(location.pathname) ?? '\ufffd';

  protected abstract streamContent(): TemplateResult;

  protected override content(): TemplateResult {
    return nameProblem(this.stream) ? badName(this.stream) : this.streamContent();
  }
}

/** Says what is wrong with a name, and the rule. */
export function badName(name: string): TemplateResult {
  const problem = nameProblem(name);
  return html`
    <section class="notice bad stack" role="alert">
      <h1>${say('name.bad.title')}</h1>
      ${problem && html`<p>${say(problem.key, { ...problem })}</p>`}
      <p>${say('name.bad.detail')}</p>
      <p><a class="button" href="/">${say('watch.other')}</a></p>
    </section>`;
}

const beacon = html`
  <svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true">
    <path class="flame" d="M12 1c1 3 4.2 4.2 4.2 7.6A4.2 4.2 0 0 1 7.8 8.6c0-1.5.7-2.400 1.5-3.300.3 1 .8 1.5 1.400 1.700C10.5 5 11 3 12 1Z"/>
    <path class="tower" d="M8.5 14.5h7L17.5 23h-11zM7.5 13h9v1.5h-9z"/>
  </svg>`;
