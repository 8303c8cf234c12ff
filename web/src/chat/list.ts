/** A list that may be long: only what is seen, and a margin around it, is in the page. It stays at its end until somebody scrolls up. */
import { html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import { property, query } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { type Anchor, anchorAt, anchored, Heights, type Row } from './virtual.ts';

/** Pixels above and below the window that are rendered, too. */
const margin = 400;
/** So near to its end, the list is at its end: pixels. */
const nearEnd = 32;

/**
 * Rows as articles of a feed (WAI-ARIA 1.2): one of them can be reached with Tab, the arrow keys go to the others. It renders into
 * itself, so that the styles around it apply.
 *
 * @fires stuckchange - The list has come to its end, or left it.
 */
export class ChatList extends LitElement {
  @property({ attribute: false }) rows: readonly Row[] = [];
  /** Renders a row; its root has to be an element with `data-key`, and heights without outer margins. */
  @property({ attribute: false }) row: (row: Row, at: RowPlace) => TemplateResult = () => html``;
  /** Changes whenever rows are to be rendered anew. */
  @property({ type: Number }) version = 0;
  /** What the list is, for screen readers. */
  @property() label = '';

  @query('.scroller') private readonly scroller!: HTMLElement | null;

  /** Whether the end is shown, and stays so as rows come. */
  stuck = true;

  readonly #heights = new Heights();
  readonly #resized = new ResizeObserver(() => this.requestUpdate());
  #anchor: Anchor | undefined;
  /** Where we left the scroller. */
  #at = 0;
  #window: readonly [first: number, end: number] = [0, 0];
  #current = '';

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#observe();
  }

  /** Goes to the end, and stays there. */
  toEnd(): void {
    this.#stick(true);
    this.requestUpdate();
  }

  /** Shows a row in the upper third; false if there is none with this key. */
  show(key: string): boolean {
    if (!this.rows.some((row) => row.key === key)) {
      return false;
    }
    this.#stick(false);
    this.#anchor = { key, offset: -(this.scroller?.clientHeight ?? 0) / 3 };
    this.#current = key;
    this.requestUpdate();
    return true;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    this.#noticeScroll(); // its event may still be on its way
    if (changed.has('rows')) {
      this.#heights.set(this.rows);
    }
    const height = this.scroller?.clientHeight ?? 0;
    this.#window = this.#heights.window(this.#target(), height, margin);
    this.#keepFocus();
  }

  protected override firstUpdated(): void {
    this.#observe();
  }

  #observe(): void {
    if (this.scroller) {
      this.#resized.observe(this.scroller);
      this.#resized.observe(this.scroller.querySelector('.rows') ?? this.scroller);
    }
  }

  protected override updated(): void {
    const heights = [...this.querySelectorAll<HTMLElement>('[data-key]')].map(
      (row) => [row.dataset['key'] ?? '', row.getBoundingClientRect().height] as const,
    );
    const changed = this.#heights.measure(heights);
    this.#scroll();
    if (changed) {
      this.requestUpdate();
    }
  }

  /** Where the scroller ought to be. */
  #target(): number {
    const most = Math.max(0, this.#heights.total - (this.scroller?.clientHeight ?? 0));
    const wanted = this.stuck ? most : ((this.#anchor && anchored(this.#heights, this.#anchor)) ?? this.#at);
    return Math.max(0, Math.min(wanted, most));
  }

  #scroll(): void {
    const { scroller } = this;
    const target = this.#target();
    if (!scroller || scroller.clientHeight === 0) {
      return;
    }
    if (Math.abs(scroller.scrollTop - target) >= 1) {
      scroller.scrollTop = target; // not always: it stops a scroll of the finger
    }
    this.#at = scroller.scrollTop;
  }

  #scrolled(): void {
    this.#noticeScroll();
    this.requestUpdate();
  }

  /** Follows the reader, who may have left the end, or come back to it. */
  #noticeScroll(): void {
    const { scroller } = this;
    if (!scroller || Math.abs(scroller.scrollTop - this.#at) < 1) {
      return;
    }
    const { scrollTop, clientHeight, scrollHeight } = scroller;
    const up = scrollTop < this.#at - 1;
    this.#at = scrollTop;
    if (scrollHeight - scrollTop - clientHeight <= nearEnd) {
      this.#stick(true);
    } else if (up) {
      this.#stick(false);
    }
    if (!this.stuck) {
      this.#anchor = anchorAt(this.#heights, scrollTop);
    }
  }

  #stick(stuck: boolean): void {
    if (this.stuck !== stuck) {
      this.stuck = stuck;
      this.dispatchEvent(new Event('stuckchange'));
    }
  }

  /** A row that is about to leave the page hands the focus to the list, from where the arrow keys go on. */
  #keepFocus(): void {
    const focused = (this.getRootNode() as ShadowRoot).activeElement;
    const key = focused?.closest<HTMLElement>('[data-key]')?.dataset['key'];
    const [first, end] = this.#window;
    if (key !== undefined && this.contains(focused) && !this.rows.slice(first, end).some((row) => row.key === key)) {
      this.scroller?.focus({ preventScroll: true });
    }
  }

  async #go(event: KeyboardEvent): Promise<void> {
    const last = this.rows.length - 1;
    const here = this.rows.findIndex(({ key }) => key === this.#current);
    const beside = (step: number) =>
      here < 0 ? this.#heights.at(this.#at + (this.scroller?.clientHeight ?? 0)) : here + step;
    const moves: Record<string, () => number> = {
      ArrowUp: () => beside(-1),
      ArrowDown: () => beside(1),
      Home: () => 0,
      End: () => last,
    };
    const move = moves[event.key];
    if (!move || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    await this.#focus(Math.max(0, Math.min(move(), last)));
  }

  async #focus(index: number): Promise<void> {
    const key = this.rows[index]?.key;
    const { scroller } = this;
    if (key === undefined || !scroller) {
      return;
    }
    this.#current = key;
    const top = this.#heights.top(index);
    const bottom = this.#heights.top(index + 1);
    if (top < this.#at) {
      this.#stick(false);
      this.#anchor = { key, offset: 0 };
    } else if (bottom > this.#at + scroller.clientHeight) {
      this.#anchor = { key, offset: bottom - top - scroller.clientHeight };
      this.#stick(index === this.rows.length - 1);
    }
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }

  #focused(event: FocusEvent): void {
    const key = (event.target as HTMLElement).closest<HTMLElement>('[data-key]')?.dataset['key'];
    if (key !== undefined && key !== this.#current) {
      this.#current = key;
      this.requestUpdate();
    }
  }

  protected override render(): TemplateResult {
    const [first, end] = this.#window;
    const shown = this.rows.slice(first, end);
    const reachable = shown.some(({ key }) => key === this.#current);
    const place = (index: number, key: string): RowPlace => ({
      position: first + index + 1,
      size: this.rows.length,
      current: key === this.#current,
    });
    return html`
      <div class="scroller" role="feed" aria-label=${this.label} tabindex=${reachable ? -1 : 0}
        @scroll=${this.#scrolled} @keydown=${this.#go} @focusin=${this.#focused}>
        <div class="space" style="height: ${this.#heights.total}px">
          <div class="rows" style="transform: translateY(${this.#heights.top(first)}px)">
            ${repeat(
              shown,
              ({ key }) => key,
              (row, index) => this.row(row, place(index, row.key)),
            )}
          </div>
        </div>
      </div>`;
  }
}

/** Where a row stands among all. */
export interface RowPlace {
  /** The first is 1. */
  readonly position: number;
  readonly size: number;
  /** Whether Tab leads to it. */
  readonly current: boolean;
}

customElements.get('bongsu-chat-list') ?? customElements.define('bongsu-chat-list', ChatList);
