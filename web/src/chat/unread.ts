/** What the reader has not seen: how many messages, and where they begin. */
export class Unread {
  count = 0;
  /** The first line that is new to the reader; it stays until the next time that they look away. */
  marker = '';
  #looking = true;

  /** Tells whether the reader sees what comes. */
  look(looking: boolean): void {
    if (looking) {
      this.count = 0;
    } else if (this.#looking) {
      this.marker = '';
    }
    this.#looking = looking;
  }

  /** A message came. */
  add(key: string): void {
    if (!this.#looking) {
      this.marker ||= key;
      this.count++;
    }
  }

  clear(): void {
    this.count = 0;
    this.marker = '';
  }
}
