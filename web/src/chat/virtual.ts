/** The arithmetic of a long list of which only a part is in the page: where each row is, and which are seen. */

/** A row of the list. */
export interface Row {
  readonly key: string;
}

/** Heights that have been measured, and where rows stand by them; pixels. */
export class Heights {
  #rows: readonly Row[] = [];
  /** The top of each row, and below the last one the end. */
  #tops = new Float64Array(1);
  #measured = new Map<string, number>();

  constructor(private readonly estimate = 44) {}

  get rows(): readonly Row[] {
    return this.#rows;
  }

  get total(): number {
    return this.#tops[this.#rows.length] ?? 0;
  }

  /** Shows other rows. Those that stay keep their height. */
  set(rows: readonly Row[]): void {
    this.#rows = rows;
    if (this.#measured.size > 2 * rows.length + 1000) {
      const kept = new Set(rows.map(({ key }) => key));
      this.#measured = new Map([...this.#measured].filter(([key]) => kept.has(key)));
    }
    this.#place();
  }

  /** Takes over what was measured; tells whether anything changed. */
  measure(heights: Iterable<readonly [key: string, height: number]>): boolean {
    let changed = false;
    for (const [key, height] of heights) {
      if (height > 0 && this.#measured.get(key) !== height) {
        this.#measured.set(key, height);
        changed = true;
      }
    }
    if (changed) {
      this.#place();
    }
    return changed;
  }

  top(index: number): number {
    return this.#tops[Math.max(0, Math.min(index, this.#rows.length))] ?? 0;
  }

  /** The row at a height; the first or the last one beyond the ends. */
  at(y: number): number {
    let [low, high] = [0, this.#rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= y) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return Math.max(0, low);
  }

  /** The rows that a window shows, with a margin on both sides: from the first to before the last. */
  window(scrollTop: number, height: number, margin: number): readonly [first: number, end: number] {
    if (this.#rows.length === 0) {
      return [0, 0];
    }
    return [this.at(scrollTop - margin), this.at(scrollTop + height + margin) + 1];
  }

  #place(): void {
    const tops = new Float64Array(this.#rows.length + 1);
    let y = 0;
    this.#rows.forEach(({ key }, index) => {
      tops[index] = y;
      y += this.#measured.get(key) ?? this.estimate;
    });
    tops[this.#rows.length] = y;
    this.#tops = tops;
  }
}

/** A row, and how far above the upper edge of the window it begins: what stays in its place when others change. */
export interface Anchor {
  readonly key: string;
  readonly offset: number;
}

/** The row at the upper edge. */
export function anchorAt(heights: Heights, scrollTop: number): Anchor | undefined {
  const index = heights.at(scrollTop);
  const key = heights.rows[index]?.key;
  return key === undefined ? undefined : { key, offset: scrollTop - heights.top(index) };
}

/** Where to scroll so that the anchor stands as it did; undefined if its row is gone. */
export function anchored(heights: Heights, anchor: Anchor): number | undefined {
  const index = heights.rows.findIndex(({ key }) => key === anchor.key);
  return index < 0 ? undefined : heights.top(index) + anchor.offset;
}
