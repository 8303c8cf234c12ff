import { beforeEach, describe, expect, test } from 'vitest';
import type { ChatEvent, Message, Person, Welcome } from './protocol.ts';
import { Room } from './room.ts';

const ada: Person = { id: 'a', name: 'Ada', role: 'viewer' };
const bob: Person = { id: 'b', name: 'Bob', role: 'viewer' };
const me: Person = { id: 'me', name: '은하', role: 'viewer' };
const host: Person = { id: 'h', name: 'Host', role: 'broadcaster' };
const id = (n: number) => `01KAW4E9M1T8S0V2X4Z6${String(n).padStart(6, '0')}`;

const message = (n: number, from = ada, text = `text ${n}`): Message => ({
  type: 'message',
  id: id(n),
  time: n,
  from,
  text,
});
const welcome = (changes: Partial<Welcome> = {}): Welcome => ({
  type: 'welcome',
  you: me,
  token: 't',
  stream: 'lobby',
  time: 1000,
  viewers: 3,
  invited: false,
  resumed: false,
  history: 0,
  settings: { slow: 0, followers: false, pinned: null },
  limits: { text: 500, nickname: 24 },
  ...changes,
});

let room: Room;
const texts = () => room.lines.map((line) => (line.kind === 'message' ? line.message.text : line.notice.what));
const apply = (...events: ChatEvent[]) => events.map((event) => room.apply(event, 1000));

beforeEach(() => {
  room = new Room();
  apply(welcome());
});

describe('messages', () => {
  test('come in their order, once, whatever order they arrive in', () => {
    const [first, again] = apply(message(1), message(1), message(4), message(3), message(2), message(4), message(3));
    expect(first).toEqual(message(1));
    expect(again).toBeUndefined();
    expect(texts()).toEqual(['text 1', 'text 2', 'text 3', 'text 4']);
    expect(room.last).toBe(id(4));
  });

  test('that are old are told from those that are new', () => {
    apply(welcome({ history: 2 }));
    expect(room.inHistory).toBe(true);
    apply(message(1));
    expect(room.inHistory).toBe(true);
    apply(message(2));
    expect(room.inHistory).toBe(false);
  });

  test('give way at the most that are kept', () => {
    for (let n = 0; n < 10_001; n++) {
      room.apply(message(n), 0);
    }
    expect(room.lines.length).toBe(9_501);
    expect(room.lines.at(-1)?.key).toBe(id(10_000));
  });
});

describe('what moderators do', () => {
  beforeEach(() => void apply(message(1), message(2, bob), message(3)));

  test('a deleted message goes, and does not come back', () => {
    apply({ type: 'delete', id: id(4), time: 4, target: id(2), by: host });
    expect(texts()).toEqual(['text 1', 'text 3']);
    expect(room.last).toBe(id(4));
  });

  test.each(['timeout', 'ban'] as const)('a %s takes all messages of the member', (type) => {
    apply({ type, id: id(4), time: 4, member: ada, by: host, seconds: 60 });
    expect(texts()).toEqual(['text 2', type]);
    expect(room.silentUntil).toBe(0);
  });

  test('what is removed goes from the quotes of others, too', () => {
    const quoting = (n: number, { id, from, text }: Message): Message => ({
      ...message(n, bob),
      reply: { id, member: from.id, name: from.name, text },
    });
    const quotes = () => room.lines.map((line) => (line.kind === 'message' ? line.message.reply?.text : ''));
    apply(quoting(4, message(1)), quoting(5, message(3)));
    apply({ type: 'delete', id: id(6), time: 6, target: id(1), by: host });
    expect(quotes()).toEqual([undefined, undefined, undefined, 'text 3']);
    expect(texts()).toEqual(['text 2', 'text 3', 'text 4', 'text 5']);
    apply({ type: 'ban', id: id(7), time: 7, member: ada, by: host });
    expect(quotes()).toEqual([undefined, undefined, undefined, '']);
    expect(texts()).toEqual(['text 2', 'text 4', 'text 5', 'ban']);
  });

  test('a clear takes all', () => {
    apply({ type: 'clear', id: id(4), time: 4, by: host }, message(5));
    expect(texts()).toEqual(['clear', 'text 5']);
  });

  test('our own timeout ends by our clock', () => {
    apply(welcome({ time: 61_000, resumed: true })); // the server is a minute ahead of us
    apply({ type: 'timeout', id: id(4), time: 61_000, member: me, by: host, seconds: 10 });
    expect(room.silentUntil).toBe(1000 + 10_000);
  });

  test('one that is over says nothing', () => {
    apply({ type: 'timeout', id: id(4), time: 0, member: me, by: host, seconds: 1 });
    expect(room.silentUntil).toBe(0);
  });

  test('settings are told where they change', () => {
    apply({ type: 'settings', slow: 30, followers: false, pinned: message(1) });
    apply({ type: 'settings', slow: 30, followers: true, pinned: null });
    expect(texts().slice(3)).toEqual(['slow', 'followers']);
    expect(room.settings).toEqual({ slow: 30, followers: true, pinned: null });
  });
});

describe('a welcome', () => {
  beforeEach(() => void apply(message(1), message(2)));

  test('that resumes leaves what we have', () => {
    apply(welcome({ resumed: true, history: 2 }), message(3), {
      type: 'delete',
      id: id(4),
      time: 4,
      target: id(1),
      by: host,
    });
    expect(texts()).toEqual(['text 2', 'text 3']);
    expect(room.inHistory).toBe(false);
  });

  test('that does not begins anew', () => {
    apply(welcome({ history: 1 }), message(9));
    expect(texts()).toEqual(['text 9']);
    expect(room.last).toBe(id(9));
  });
});

test('people are those who came, wrote or were listed', () => {
  apply(message(1), { type: 'presence', viewers: 9, joined: [bob, me] });
  expect(room.viewers).toBe(9);
  expect(room.people).toEqual([ada, bob]);
  apply({ type: 'presence', viewers: 8, left: [bob] }, { type: 'members', viewers: 7, members: [host, me] });
  expect(room.people).toEqual([ada, host]);
  apply({ type: 'nickname', member: { ...ada, name: 'Lovelace' }, was: 'Ada' });
  expect(room.people[0]?.name).toBe('Lovelace');
});

test('we are who the server says', () => {
  apply({ type: 'nickname', member: { ...me, name: 'Eunha' }, was: me.name }, message(1, me));
  expect(room.you?.name).toBe('Eunha');
  apply({ type: 'you', you: { ...me, role: 'moderator' } });
  expect(room.you?.role).toBe('moderator');
});

test('a message calls us by our name, or by an answer', () => {
  apply(message(1, me), message(2, me));
  expect(room.callsUs(message(3, ada, '@은하는 어디'))).toBe(true);
  expect(room.callsUs(message(4, ada, '은하'))).toBe(false);
  expect(room.callsUs(message(5, me, '@은하'))).toBe(false);
  expect(room.callsUs({ ...message(6), reply: { id: id(1), name: me.name, text: '' } })).toBe(true);
});

test('events that we do not know do no harm', () => {
  apply({ type: 'poll' } as unknown as ChatEvent);
  expect(room.lines).toEqual([]);
});
