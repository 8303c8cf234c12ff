/** The menu of a message or a person: a popover beside what opened it. */
import { html, LitElement, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';

export interface MenuItem {
  readonly label: string;
  readonly grave?: boolean;
  act(): void;
}

/**
 * A menu button's menu (WAI-ARIA Authoring Practices, Menu Button). It renders into itself, so that the styles around it apply;
 * the browser closes it with Escape or a press elsewhere.
 */
export class ChatMenu extends LitElement {
  @property() label = '';
  @state() private items: readonly MenuItem[] = [];
  @query('.menu') private readonly menu!: HTMLElement | null;
  #opener: HTMLElement | undefined;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  async open(opener: HTMLElement, label: string, items: readonly MenuItem[]): Promise<void> {
    this.#opener = opener;
    this.label = label;
    this.items = items;
    await this.updateComplete;
    const { menu } = this;
    if (!menu) {
      return;
    }
    menu.showPopover();
    place(menu, opener.getBoundingClientRect());
    this.#buttons[0]?.focus();
  }

  get #buttons(): HTMLElement[] {
    return [...(this.menu?.querySelectorAll('button') ?? [])];
  }

  #do(item: MenuItem): void {
    this.menu?.hidePopover();
    item.act();
  }

  #toggled(event: ToggleEvent): void {
    const inside = this.contains((this.getRootNode() as ShadowRoot).activeElement);
    if (event.newState === 'closed' && inside) {
      this.#opener?.focus({ preventScroll: true });
    }
  }

  #key(event: KeyboardEvent): void {
    const buttons = this.#buttons;
    const here = buttons.indexOf((this.getRootNode() as ShadowRoot).activeElement as HTMLElement);
    const to: Record<string, number> = {
      ArrowDown: (here + 1) % buttons.length,
      ArrowUp: (here + buttons.length - 1) % buttons.length,
      Home: 0,
      End: buttons.length - 1,
    };
    const next = to[event.key];
    if (next !== undefined) {
      event.preventDefault();
      buttons[next]?.focus();
    } else if (event.key === 'Tab') {
      this.menu?.hidePopover();
    }
    event.stopPropagation();
  }

  protected override render(): TemplateResult {
    return html`
      <div class="menu" popover role="menu" aria-label=${this.label} @keydown=${this.#key} @beforetoggle=${this.#toggled}>
        ${this.items.map(
          (item) => html`
            <button type="button" role="menuitem" tabindex="-1" class=${item.grave ? 'grave' : ''}
              @click=${() => this.#do(item)}>${item.label}</button>`,
        )}
      </div>`;
  }
}

/** Below the opener if there is room, else above, and within the window. */
function place(menu: HTMLElement, opener: DOMRect): void {
  const { width, height } = menu.getBoundingClientRect();
  const gap = 4;
  const below = opener.bottom + gap + height <= innerHeight;
  const top = below ? opener.bottom + gap : Math.max(gap, opener.top - gap - height);
  const left = Math.max(gap, Math.min(opener.right - width, innerWidth - width - gap));
  menu.style.translate = `${left}px ${top}px`;
}

customElements.get('bongsu-chat-menu') ?? customElements.define('bongsu-chat-menu', ChatMenu);
