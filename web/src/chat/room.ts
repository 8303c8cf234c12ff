/** What is known of a room: events in, what there is to show out. It knows neither the network nor the page. */
import type { ChatEvent, Message, Person, Settings, Welcome } from './protocol.ts';
import { type Segment, segments } from './text.ts';

/** A line of the room: a message, or a notice of what was done. */
export type Line =
  | { readonly kind: 'message'; readonly key: string; readonly message: Message }
  | { readonly kind: 'notice'; readonly key: string; readonly notice: Notice };

export type Notice =
  | {
      readonly what: 'clear' | 'timeout' | 'ban';
      readonly by: string;
      readonly name?: string;
      readonly seconds?: number;
    }
  | { readonly what: 'nickname'; readonly name: string; readonly was: string }
  | { readonly what: 'slow'; readonly seconds: number }
  | { readonly what: 'followers'; readonly on: boolean };

/** As many lines are kept; the oldest give way, some at once. */
const mostLines = 10_000;
const givingWay = 500;
/** As many people are remembered, to complete their names. */
const mostPeople = 5_000;

export class Room {
  you: Person | undefined;
  viewers = 0;
  invited = false;
  settings: Settings = { slow: 0, followers: false, pinned: null };
  limits = { text: 500, nickname: 24 };
  /** The oldest first. A new array for each change. */
  lines: readonly Line[] = [];
  /** The id of the latest event: the `since` of the next join. */
  last = '';
  /** The server's clock minus ours, milliseconds. */
  offset = 0;
  /** Until when we may not write, by our clock, milliseconds; 0 if we may. */
  silentUntil = 0;

  readonly #people = new Map<string, Person>();
  readonly #parts = new WeakMap<Message, { readonly me: string | undefined; readonly parts: readonly Segment[] }>();
  #history = 0;
  #notices = 0;

  /** Whether events that are applied now are old ones, from before we came. */
  get inHistory(): boolean {
    return this.#history > 0;
  }

  /** Who has been seen here, without us. */
  get people(): Person[] {
    return [...this.#people.values()].filter(({ id }) => id !== this.you?.id);
  }

  /** Takes over an event. Gives the message that it is, if it is a new one. */
  apply(event: ChatEvent, now = Date.now()): Message | undefined {
    if (event.type === 'welcome') {
      this.#welcome(event, now);
      return undefined;
    }
    const fresh = this.#apply(event, now);
    if (this.#history > 0 && 'id' in event && event.type !== 'done') {
      this.#history--;
    }
    return fresh;
  }

  message(id: string): Message | undefined {
    const line = this.lines.findLast((one) => one.key === id);
    return line?.kind === 'message' ? line.message : undefined;
  }

  /** What is in a message. Names are those known when it is first shown. */
  parts(message: Message): readonly Segment[] {
    const me = this.you?.name;
    let known = this.#parts.get(message);
    if (!known || known.me !== me) {
      const names = message.text.includes('@') ? this.people.map(({ name }) => name) : [];
      known = { me, parts: segments(message.text, names, me) };
      this.#parts.set(message, known);
    }
    return known.parts;
  }

  /** Whether a message of somebody else calls us, or answers one of ours. */
  callsUs(message: Message): boolean {
    const { you } = this;
    if (!you || message.from.id === you.id) {
      return false;
    }
    const answered = message.reply && this.message(message.reply.id)?.from.id === you.id;
    return answered === true || this.parts(message).some((one) => one.kind === 'mention' && one.me);
  }

  #welcome(event: Welcome, now: number): void {
    this.you = event.you;
    this.viewers = event.viewers;
    this.invited = event.invited;
    this.settings = event.settings;
    this.limits = event.limits;
    this.offset = event.time - now;
    this.#history = event.history;
    this.silentUntil = 0;
    if (!event.resumed) {
      this.lines = [];
      this.last = '';
    }
  }

  #apply(event: ChatEvent, now: number): Message | undefined {
    switch (event.type) {
      case 'message':
        return this.#add(event);
      case 'delete':
        this.#pass(event.id);
        this.#remove(({ id }) => id === event.target);
        break;
      case 'clear':
        if (this.#pass(event.id)) {
          this.lines = [];
          this.#note({ what: 'clear', by: event.by.name });
        }
        break;
      case 'timeout':
      case 'ban':
        this.#silence(event, now);
        break;
      case 'settings':
        this.#settings(event);
        break;
      case 'presence':
        this.viewers = event.viewers;
        for (const person of event.joined ?? []) {
          this.#know(person);
        }
        for (const { id } of event.left ?? []) {
          this.#people.delete(id);
        }
        break;
      case 'members':
        this.viewers = event.viewers;
        for (const person of event.members) {
          this.#know(person);
        }
        break;
      case 'nickname':
        this.#know(event.member);
        this.you = event.member.id === this.you?.id ? event.member : this.you;
        this.#note({ what: 'nickname', name: event.member.name, was: event.was });
        break;
      case 'you':
        this.you = event.you;
        break;
    }
    return undefined;
  }

  /** Notes that we have an event; false if we had it before. */
  #pass(id: string): boolean {
    if (id <= this.last) {
      return false;
    }
    this.last = id;
    return true;
  }

  /** Ids rise with time, but those of two servers may come in another order than they were made. */
  #add(message: Message): Message | undefined {
    let at = this.lines.length;
    for (; message.id <= this.last && at > 0; at--) {
      const before = this.lines[at - 1];
      if (before?.key === message.id) {
        return undefined;
      }
      if (before?.kind === 'message' && before.key < message.id) {
        break;
      }
    }
    this.#pass(message.id);
    if (!this.#people.has(message.from.id)) {
      this.#know(message.from); // an old message tells what its writer was then
    }
    this.#insert(at, { kind: 'message', key: message.id, message });
    return message;
  }

  #insert(at: number, line: Line): void {
    const from = this.lines.length >= mostLines ? givingWay : 0;
    this.lines = [...this.lines.slice(from, at), line, ...this.lines.slice(at)];
  }

  #note(notice: Notice): void {
    this.#notices++;
    this.#insert(this.lines.length, { kind: 'notice', key: `notice-${this.#notices}`, notice });
  }

  /** Removes messages, also where others quote them. */
  #remove(gone: (message: { id: string; member?: string | undefined }) => boolean): void {
    let changed = false;
    const lines: Line[] = [];
    for (const line of this.lines) {
      if (line.kind === 'notice') {
        lines.push(line);
        continue;
      }
      const { reply, ...bare } = line.message;
      if (gone({ id: bare.id, member: bare.from.id })) {
        changed = true;
      } else if (reply && gone(reply)) {
        changed = true;
        lines.push({ ...line, message: bare });
      } else {
        lines.push(line);
      }
    }
    if (changed) {
      this.lines = lines;
    }
  }

  #silence(event: Extract<ChatEvent, { type: 'timeout' | 'ban' }>, now: number): void {
    if (!this.#pass(event.id)) {
      return;
    }
    const { member, by, seconds } = event;
    this.#remove((message) => message.member === member.id);
    this.#note({ what: event.type, by: by.name, name: member.name, ...(seconds !== undefined && { seconds }) });
    if (member.id === this.you?.id && event.type === 'timeout') {
      const until = event.time - this.offset + (seconds ?? 0) * 1000;
      this.silentUntil = until > now ? until : 0;
    }
  }

  #settings({ slow, followers, pinned }: Settings): void {
    const before = this.settings;
    this.settings = { slow, followers, pinned };
    if (slow !== before.slow) {
      this.#note({ what: 'slow', seconds: slow });
    }
    if (followers !== before.followers) {
      this.#note({ what: 'followers', on: followers });
    }
  }

  #know(person: Person): void {
    if (this.#people.size >= mostPeople) {
      this.#people.clear();
    }
    this.#people.set(person.id, person);
  }
}
