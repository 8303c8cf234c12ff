/** What goes over the wire of the chat: docs/chat.md, in types. */

export const roles = ['viewer', 'moderator', 'broadcaster', 'administrator'] as const;
export type Role = (typeof roles)[number];

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

export interface Message {
  readonly type: 'message';
  /** A ULID: it rises with time. */
  readonly id: string;
  /** Milliseconds since 1970, by the server's clock, as all times here. */
  readonly time: number;
  readonly from: Person;
  readonly text: string;
  /** The beginning of the message that this one answers, and who wrote it. */
  readonly reply?: { readonly id: string; readonly member?: string; readonly name: string; readonly text: string };
}

export interface Settings {
  /** Seconds between two messages of a viewer; 0: as fast as the limits allow. */
  readonly slow: number;
  /** Whether only those may write who came by an invitation. */
  readonly followers: boolean;
  readonly pinned: Message | null;
}

export interface Welcome {
  readonly type: 'welcome';
  readonly you: Person;
  readonly token?: string;
  readonly stream: string;
  readonly time: number;
  readonly viewers: number;
  readonly invited: boolean;
  /** Whether the history goes on where we were; else what we show is not complete. */
  readonly resumed: boolean;
  /** So many events of history follow. */
  readonly history: number;
  readonly settings: Settings;
  readonly limits: { readonly text: number; readonly nickname: number };
}

export interface Ban {
  readonly kind: 'ban' | 'timeout';
  readonly member: Person;
  readonly by: Person;
  readonly since: number;
  readonly until?: number;
  readonly reason?: string;
}

export interface ChatErrorEvent {
  readonly type: 'error';
  readonly code: string;
  readonly detail: string;
  readonly ref?: string;
  /** Seconds. */
  readonly retry_after?: number;
  readonly merged?: number;
}

interface Act {
  readonly id: string;
  readonly time: number;
  readonly by: Person;
}

interface Answer {
  readonly ref?: string;
}

export type ChatEvent =
  | Welcome
  | Message
  | ({ readonly type: 'delete'; readonly target: string } & Act)
  | ({ readonly type: 'clear' } & Act)
  | ({
      readonly type: 'timeout' | 'ban';
      readonly member: Person;
      readonly seconds?: number;
      readonly reason?: string;
    } & Act)
  | ({ readonly type: 'settings' } & Settings)
  | {
      readonly type: 'presence';
      readonly viewers: number;
      readonly joined?: readonly Person[];
      readonly left?: readonly Person[];
    }
  | { readonly type: 'nickname'; readonly member: Person; readonly was: string }
  | { readonly type: 'reactions'; readonly counts: Readonly<Record<string, number>> }
  | { readonly type: 'you'; readonly you: Person }
  | ({ readonly type: 'done'; readonly id?: string; readonly stored?: boolean } & Answer)
  | ChatErrorEvent
  | ({ readonly type: 'members'; readonly viewers: number; readonly members: readonly Person[] } & Answer)
  | ({ readonly type: 'bans'; readonly bans: readonly Ban[] } & Answer)
  | ({ readonly type: 'words'; readonly words: readonly string[] } & Answer)
  | ({ readonly type: 'invitation'; readonly invitation: string; readonly expires: number } & Answer);

/** The first request. */
export interface Join {
  readonly type: 'join';
  readonly name?: string;
  readonly token?: string;
  readonly since?: string;
  readonly last?: number;
  readonly invitation?: string;
  readonly credential?: string;
}

/** What a member may ask for. The client adds `ref`. */
export type ChatRequest =
  | { readonly type: 'message'; readonly text: string; readonly reply?: string }
  | { readonly type: 'nickname'; readonly name: string }
  | { readonly type: 'reaction'; readonly emoji: string }
  | { readonly type: 'members' | 'bans' | 'clear' }
  | { readonly type: 'delete' | 'pin'; readonly id: string }
  | { readonly type: 'timeout'; readonly member: string; readonly seconds: number }
  | { readonly type: 'ban'; readonly member: string; readonly seconds: number; readonly address: boolean }
  | { readonly type: 'lift'; readonly member: string }
  | { readonly type: 'slow'; readonly seconds: number }
  | { readonly type: 'followers'; readonly on: boolean }
  | { readonly type: 'words'; readonly words?: readonly string[] }
  | { readonly type: 'moderator'; readonly member: string; readonly on: boolean }
  | { readonly type: 'invite'; readonly seconds: number; readonly renew: boolean };

/** Whether somebody may act on another: only on who has a lower role. */
export function mayModerate(me: Person | undefined, other: Person): boolean {
  const rank = (person: Person) => roles.indexOf(person.role);
  return me !== undefined && rank(me) >= roles.indexOf('moderator') && rank(me) > rank(other);
}

export function isAtLeast(me: Person | undefined, role: Role): boolean {
  return me !== undefined && roles.indexOf(me.role) >= roles.indexOf(role);
}

/** The events of a frame; none if it is not one. Types that we do not know go through, and mean nothing to anybody. */
export function eventsOf(frame: unknown): ChatEvent[] {
  let events: unknown = frame;
  if (typeof frame === 'string') {
    try {
      events = JSON.parse(frame);
    } catch {
      return [];
    }
  }
  const isEvent = (one: unknown) => typeof Object(one).type === 'string';
  return Array.isArray(events) ? (events.filter(isEvent) as ChatEvent[]) : [];
}
