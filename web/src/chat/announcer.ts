/** What a screen reader says of the chat: each message while there are few, and only how many while there are more. */

/** So many messages in a stretch are read one by one. */
const readable = 2;
/** How long a stretch is, milliseconds. */
const stretch = 5_000;

export interface Announcement {
  /** What to read one by one. */
  readonly lines: readonly string[];
  /** How many others came. */
  readonly more: number;
}

export class Announcer {
  #read = 0;
  #more = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly say: (announcement: Announcement) => void) {}

  /** A message came. What matters, such as one that calls the reader, is read in any case. */
  add(line: string, matters: boolean): void {
    this.#timer ??= setTimeout(() => this.#rest(), stretch);
    if (matters || this.#read < readable) {
      this.#read++;
      this.say({ lines: [line], more: 0 });
    } else {
      this.#more++;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#read = this.#more = 0;
  }

  /** The end of a stretch. A room that was busy is summed up until it has been quiet for a stretch. */
  #rest(): void {
    const more = this.#more;
    this.stop();
    if (more > 0) {
      this.#read = readable;
      this.#timer = setTimeout(() => this.#rest(), stretch);
      this.say({ lines: [], more });
    }
  }
}
