/** What a menu offers about a message or a person. */
import type { Say } from '../i18n/chat.ts';
import type { MenuItem } from './menu.ts';
import { type ChatRequest, isAtLeast, type Message, mayModerate, type Person } from './protocol.ts';
import type { Room } from './room.ts';

export interface Actions {
  readonly say: Say;
  readonly room: Room;
  /** Asks the server, and tells the reader of a refusal. */
  run(request: ChatRequest): void;
  reply(message: Message): void;
  mention(name: string): void;
}

export function messageItems(message: Message, actions: Actions): MenuItem[] {
  const { say, room, run } = actions;
  const { you, settings } = room;
  const own = message.from.id === you?.id;
  const pinned = settings.pinned?.id === message.id;
  return [
    { label: say('menu.reply'), act: () => actions.reply(message) },
    { label: say('menu.copy'), act: () => void navigator.clipboard?.writeText(message.text).catch(() => undefined) },
    ...when(isAtLeast(you, 'moderator'), {
      label: say(pinned ? 'menu.unpin' : 'menu.pin'),
      act: () => run({ type: 'pin', id: pinned ? '' : message.id }),
    }),
    ...when(own || mayModerate(you, message.from), {
      label: say('menu.delete'),
      grave: true,
      act: () => run({ type: 'delete', id: message.id }),
    }),
    ...(own ? [] : personItems(message.from, actions)),
  ];
}

export function personItems(person: Person, { say, room, run, mention }: Actions): MenuItem[] {
  const { you } = room;
  const { id: member, name } = person;
  const silence = (minutes: 1 | 10 | 60): MenuItem => ({
    label: say(`menu.timeout.${minutes}`, { name }),
    grave: true,
    act: () => run({ type: 'timeout', member, seconds: minutes * 60 }),
  });
  const ban = (address: boolean): MenuItem => ({
    label: say(address ? 'menu.ban.address' : 'menu.ban', { name }),
    grave: true,
    act: () => run({ type: 'ban', member, seconds: 0, address }),
  });
  const moderator = person.role === 'moderator';
  return [
    { label: say('menu.mention', { name }), act: () => mention(name) },
    ...when(isAtLeast(you, 'broadcaster') && mayModerate(you, person), {
      label: say(moderator ? 'menu.moderator.off' : 'menu.moderator', { name }),
      act: () => run({ type: 'moderator', member, on: !moderator }),
    }),
    ...when(
      mayModerate(you, person),
      { label: say('menu.lift', { name }), act: () => run({ type: 'lift', member }) },
      silence(1),
      silence(10),
      silence(60),
      ban(false),
      ban(true),
    ),
  ];
}

function when(condition: boolean, ...items: MenuItem[]): MenuItem[] {
  return condition ? items : [];
}
