/** `<bongsu-chat>`: the room beside a stream. */
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { BongsuChatElement } from '../api.ts';
import { chatWords, type Say } from '../i18n/chat.ts';
import { type Language, LanguageController, language, spoken } from '../i18n/index.ts';
import { type Actions, messageItems, personItems } from './actions.ts';
import { type Announcement, Announcer } from './announcer.ts';
import type { ChatError, ChatState } from './client.ts';
import type { ChatComposer, Draft } from './composer.ts';
import { Conversation, type ConversationHost } from './conversation.ts';
import { heading, hintOf, pinnedBar, refusalBar, stateBar } from './frame.ts';
import { downIcon } from './icons.ts';
import type { ChatList, RowPlace } from './list.ts';
import { recallCredential, rememberCredential } from './memory.ts';
import type { ChatMenu } from './menu.ts';
import type { ChatPanel } from './panel.ts';
import type { Message, Person } from './protocol.ts';
import type { ChatReactions } from './reactions.ts';
import type { Line } from './room.ts';
import { chatRow } from './row.ts';
import { chatStyle } from './styles.ts';
import { Unread } from './unread.ts';
import type { Row } from './virtual.ts';
import { type Address, addressOf, type ChannelSource, sourceOf } from './way.ts';
import { errorWords, span } from './words.ts';
import './composer.ts';
import './list.ts';
import './menu.ts';
import './panel.ts';
import './reactions.ts';

/** So long a message stays marked that was jumped to, milliseconds. */
const flashTime = 2_000;
/** Announcements that stay in the live region. */
const keptAnnouncements = 4;

/**
 * The chat of a stream. Beside a player that has the attribute `chat` it goes by that one's connection (`for`, or `source`), else by
 * server-sent events.
 *
 * @tag bongsu-chat
 * @attr {string} src - The URL of the chat, or of the WHEP endpoint of its stream.
 * @attr {string} stream - The stream's name, for the server that the page is from.
 * @attr {string} for - The id of the player beside it.
 * @attr {string} token - The stream's key: who has it is the broadcaster.
 * @attr {string} name - A name to begin with.
 * @attr {string} signaling - "ws": by the WebSocket of the signaling, "http" (as it is): by a data channel, or HTTP.
 * @attr {boolean} overlay - Only what is said, upon nothing, for a picture behind it.
 * @attr {number} last - How many messages of history to begin with, 0 to 500.
 * @attr {string} lang - The language, "en" or "ko", instead of the reader's own.
 * @prop {ChannelSource} source - The player, or whatever else has a channel.
 * @prop {RTCPeerConnection} peer - A peer connection of your own to the gateway.
 * @prop {number} unread - How many messages came that were not seen; read-only.
 * @fires unreadchange - `unread` changed.
 * @fires statechange - `state` changed.
 * @csspart title - The heading.
 * @cssprop [--bongsu-accent] - The color of what matters.
 * @cssprop [--bongsu-font] - The font family.
 * @cssprop [--bongsu-chat-size=0.9375rem] - The size of what is said.
 */
export class BongsuChat extends LitElement implements BongsuChatElement, ConversationHost {
  static override styles = chatStyle;

  @property({ reflect: true }) src: string | null = null;
  @property({ reflect: true }) stream: string | null = null;
  @property({ reflect: true, attribute: 'for' }) htmlFor: string | null = null;
  @property() token: string | null = null;
  @property({ attribute: 'name' }) wishedName: string | null = null;
  @property() signaling: 'http' | 'ws' = 'http';
  @property({ type: Boolean, reflect: true }) overlay = false;
  @property({ type: Number }) last: number | null = null;
  @property({ reflect: true }) override lang = '';
  @property({ attribute: false }) source: ChannelSource | undefined;
  @property({ attribute: false }) credential = recallCredential();
  /** The invitation by which the reader came. */
  @property({ attribute: false }) invited: string | null = null;

  @query('bongsu-chat-list') private readonly list!: ChatList | null;
  @query('bongsu-chat-composer') private readonly composer!: ChatComposer | null;
  @query('bongsu-chat-menu') private readonly menu!: ChatMenu | null;
  @query('bongsu-chat-panel') private readonly panel!: ChatPanel | null;
  @query('bongsu-chat-reactions') private readonly rising!: ChatReactions | null;

  @state() private version = 0;
  @state() private flash = '';
  @state() private announced: readonly { readonly key: number; readonly text: string }[] = [];

  readonly #talk = new Conversation(this);
  readonly #unread = new Unread();
  readonly #announcer = new Announcer((announcement) => this.#announce(announcement));
  #listening: AbortController | undefined;
  #following: AbortController | undefined;
  #said = 0;
  #namesAskedAt = Number.NEGATIVE_INFINITY;
  #told: { state: ChatState; unread: number } = { state: 'idle', unread: 0 };

  constructor() {
    super();
    new LanguageController(this);
  }

  get state(): ChatState {
    return this.#talk.client.state;
  }

  /** Why it has ended, or waits: a `code` of the chat, "unavailable" where there is none. */
  get reason(): string | undefined {
    return this.#talk.client.error?.code;
  }

  get unread(): number {
    return this.#unread.count;
  }

  get peer(): RTCPeerConnection | undefined {
    return this.source?.peerConnection;
  }

  set peer(peer: RTCPeerConnection | undefined) {
    this.source = peer && sourceOf(peer);
  }

  get address(): Address | undefined {
    const found = addressOf(this.src, this.stream, document.baseURI);
    return found && { ...found, token: this.token, signaling: this.signaling };
  }

  override focus(): void {
    this.composer?.focus();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    addEventListener('pagehide', () => this.#talk.stop(), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && this.#talk.start(), { signal });
    addEventListener('online', () => this.#talk.client.wake(), { signal });
    document.addEventListener('visibilitychange', () => this.#looked(), { signal });
    if (this.hasUpdated) {
      this.#begin();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#listening?.abort();
    this.#following?.abort();
    this.#announcer.stop();
    this.#talk.stop();
  }

  protected override updated(changed: PropertyValues<this>): void {
    const any = (...names: (keyof BongsuChat)[]) => names.some((name) => changed.has(name));
    if (any('src', 'stream', 'signaling', 'last')) {
      this.#begin();
    } else if (any('source', 'htmlFor')) {
      this.#follow();
      void this.#talk.channelChanged();
    } else if (any('token', 'credential', 'invited')) {
      this.#talk.client.start();
    }
    this.#looked();
    this.#tell();
  }

  /** Joins the room. */
  #begin(): void {
    this.#follow();
    this.#talk.start();
  }

  /** Goes by the player's channel, whenever there is a new one. */
  #follow(): void {
    this.#following?.abort();
    this.#following = new AbortController();
    if (this.htmlFor) {
      this.source =
        ((this.getRootNode() as Document).getElementById(this.htmlFor) as ChannelSource | null) ?? undefined;
    }
    const { signal } = this.#following;
    this.source?.addEventListener('chatchannel', () => void this.#talk.channelChanged(), { signal });
    this.#talk.start();
  }

  changed(): void {
    this.version++;
  }

  arrived(message: Message, old: boolean): void {
    const { room } = this.#talk;
    const own = message.from.id === room.you?.id;
    if (own) {
      this.list?.toEnd();
    } else if (!old) {
      this.#unread.add(message.id);
      this.#announcer.add(
        this.#say('announce', { name: message.from.name, text: message.text }),
        room.callsUs(message),
      );
    }
  }

  reacted(counts: Readonly<Record<string, number>>): void {
    this.rising?.rise(counts);
  }

  anew(): void {
    this.#unread.clear();
    this.#announcer.stop();
    this.list?.toEnd();
  }

  returned(draft: Draft): void {
    this.composer?.restore(draft);
  }

  #looked(): void {
    const shown = this.checkVisibility?.() ?? true;
    this.#unread.look(shown && !document.hidden && (this.list?.stuck ?? true));
    this.#tell();
  }

  #scrolled(): void {
    this.#looked();
    this.requestUpdate();
  }

  /** Tells the page what has changed. */
  #tell(): void {
    const { state, unread } = this;
    if (state !== this.#told.state) {
      this.setAttribute('state', state);
      this.dispatchEvent(new Event('statechange'));
    }
    if (unread !== this.#told.unread) {
      this.dispatchEvent(new Event('unreadchange'));
      this.requestUpdate();
    }
    this.#told = { state, unread };
  }

  #announce({ lines, more }: Announcement): void {
    const summary = more > 0 ? [this.#say(more === 1 ? 'announce.one' : 'announce.more', { count: more })] : [];
    const fresh = [...lines, ...summary].map((text) => ({ key: ++this.#said, text }));
    this.announced = [...this.announced, ...fresh].slice(-keptAnnouncements);
  }

  #jump(id: string): void {
    if (this.list?.show(id)) {
      this.flash = id;
      setTimeout(() => {
        this.flash = '';
      }, flashTime);
    }
  }

  #reply(message: Message): void {
    if (this.composer) {
      this.composer.replyTo = message;
      this.composer.focus();
    }
  }

  get #actions(): Actions {
    return {
      say: this.#say,
      room: this.#talk.room,
      run: (request) => void this.#talk.run(request).then(() => this.panel?.refresh()),
      reply: (message) => this.#reply(message),
      mention: (name) => this.composer?.mention(name),
    };
  }

  #messageMenu(message: Message, button: HTMLElement): void {
    const label = this.#say('menu.open', { name: message.from.name });
    void this.menu?.open(button, label, messageItems(message, this.#actions));
  }

  #personMenu({ detail: { person, button } }: CustomEvent<{ person: Person; button: HTMLElement }>): void {
    const label = this.#say('menu.person', { name: person.name });
    void this.menu?.open(button, label, personItems(person, this.#actions));
  }

  /** For names to complete: who is here may have changed. */
  #askNames(): void {
    if (performance.now() - this.#namesAskedAt > 30_000) {
      this.#namesAskedAt = performance.now();
      this.#talk.ask({ type: 'members' }).catch(() => undefined);
    }
  }

  #administer({ detail }: CustomEvent<string>): void {
    this.credential = detail;
    rememberCredential(detail);
  }

  #link(invited: string): string {
    const { stream = '' } = this.address ?? {};
    return `${new URL(this.address?.url ?? location.href).origin}/watch/${encodeURIComponent(stream)}#invitation=${encodeURIComponent(invited)}`;
  }

  get #language(): Language {
    return spoken(this.lang) ?? language();
  }

  readonly #say: Say = (key, parameters = {}) => chatWords(key, parameters, this.#language);

  readonly #explain = (error: ChatError): string => errorWords(error, this.#talk.room.limits.text, this.#say);

  readonly #row = (row: Row, place: RowPlace): TemplateResult =>
    chatRow(row as Line, place, {
      say: this.#say,
      room: this.#talk.room,
      language: this.#language,
      marker: this.#unread.marker,
      flash: this.flash,
      plain: this.overlay,
      reply: (message) => this.#reply(message),
      menu: (message, button) => this.#messageMenu(message, button),
      jump: (id) => this.#jump(id),
    });

  protected override render(): TemplateResult {
    const { room } = this.#talk;
    return html`
      <section class="chat" lang=${this.#language} aria-label=${this.#say('title')}>
        ${this.overlay ? nothing : this.#above()}
        <div class="middle">
          <bongsu-chat-list .rows=${room.lines} .row=${this.#row} .version=${this.version} label=${this.#say('messages')}
            @stuckchange=${this.#scrolled}></bongsu-chat-list>
          ${room.lines.length === 0 && this.state === 'open' && !this.overlay ? html`<p class="empty">${this.#say('empty')}</p>` : nothing}
          ${this.#latest()}
          <bongsu-chat-reactions .say=${this.#say} .plain=${this.overlay} .disabled=${this.state !== 'open'}
            @react=${({ detail }: CustomEvent<string>) => this.#talk.run({ type: 'reaction', emoji: detail })}></bongsu-chat-reactions>
        </div>
        ${this.overlay ? nothing : this.#below()}
        <div class="visually-hidden" aria-live=${this.overlay ? 'off' : 'polite'} aria-relevant="additions">
          ${repeat(
            this.announced,
            ({ key }) => key,
            ({ text }) => html`<p>${text}</p>`,
          )}
        </div>
      </section>`;
  }

  #above(): unknown[] {
    const { room, client } = this.#talk;
    const say = this.#say;
    return [
      heading(room, this.state === 'open', say, (view) => void this.panel?.open(view)),
      stateBar(client, say),
      pinnedBar(room, say, () => void this.#talk.run({ type: 'pin', id: '' })),
    ];
  }

  #below(): unknown[] {
    const refusal = refusalBar(this.#talk.trouble, this.#explain, this.#say, () => this.#talk.dismiss());
    return [refusal, this.#composer(), this.#dialogs()];
  }

  #latest(): TemplateResult | typeof nothing {
    const { unread } = this;
    const key = unread === 0 ? 'latest' : unread === 1 ? 'new.one' : 'new.other';
    return this.list?.stuck === false && !this.overlay
      ? html`<button type="button" class="latest ${unread > 0 ? 'unread' : ''}" @click=${() => this.list?.toEnd()}>${downIcon}${this.#say(key, { count: unread })}</button>`
      : nothing;
  }

  readonly #names = (): string[] => this.#talk.room.people.map(({ name }) => name);

  #composer(): TemplateResult {
    const { room, wait } = this.#talk;
    return html`
      <bongsu-chat-composer .say=${this.#say} .names=${this.#names} .limit=${room.limits.text}
        .hint=${hintOf(room, this.#say)} .blocked=${wait > 0 ? span(wait, this.#say) : ''} .disabled=${this.state !== 'open'}
        @draft=${({ detail }: CustomEvent<Draft>) => this.#talk.say(detail)} @mention=${this.#askNames}></bongsu-chat-composer>`;
  }

  #dialogs(): TemplateResult {
    return html`
      <bongsu-chat-panel .say=${this.#say} .room=${this.#talk.room} .version=${this.version} .ask=${this.#talk.ask}
        .explain=${this.#explain} .link=${(invited: string) => this.#link(invited)} .language=${this.#language}
        .credential=${this.credential} @person=${this.#personMenu} @credential=${this.#administer}
        @name=${({ detail }: CustomEvent<string>) => this.#talk.renamed(detail)}></bongsu-chat-panel>
      <bongsu-chat-menu></bongsu-chat-menu>`;
  }
}

customElements.get('bongsu-chat') ?? customElements.define('bongsu-chat', BongsuChat);
