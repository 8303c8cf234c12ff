import { describe, expect, test } from 'vitest';
import { chatWords, type Say } from '../i18n/chat.ts';
import { type ChatClient, ChatError, type ChatState } from './client.ts';
import { errorWords, noticeWords, span, stateWords } from './words.ts';

const say: Say = (key, parameters = {}) => chatWords(key, parameters, 'en');

test.each([
  [0, '1 s'],
  [1.2, '2 s'],
  [99, '99 s'],
  [600.4, '10 min'],
  [3600, '60 min'],
  [7200, '2 h'],
  [3 * 86_400, '3 d'],
])('%f seconds are %s', (seconds, words) => {
  expect(span(seconds, say)).toBe(words);
});

describe('states', () => {
  const words = (state: ChatState, error?: ChatError, wait = 0) =>
    stateWords({ state, error, retryAt: 1000 + wait } as ChatClient, say, 1000);

  test.each([
    ['open', undefined, 0, ''],
    ['connecting', undefined, 0, 'Joining the chat …'],
    ['waiting', undefined, 1000, 'The chat was interrupted. It comes back by itself.'],
    ['waiting', undefined, 9000, 'The chat was interrupted. Next try in 9 s.'],
    ['waiting', new ChatError('full', '', 10), 10_000, 'The chat is full. Next try in 10 s.'],
    [
      'ended',
      new ChatError('banned', 'banned from this room: a moderator has banned you'),
      0,
      'You may not take part in this chat.',
    ],
    ['ended', new ChatError('banned', 'banned from this room: spam'), 0, 'You may not take part in this chat. (spam)'],
    ['ended', new ChatError('full'), 0, 'The chat goes on in another window of yours.'],
    ['ended', new ChatError('unavailable'), 0, 'There is no chat on this server.'],
  ] as const)('%s, %s', (state, error, wait, expected) => {
    expect(words(state, error, wait)).toBe(expected);
  });
});

test.each([
  ['too-fast', 1, 'That was fast. Take a breath.'],
  ['too-fast', 12, 'That was fast. Again in 12 s.'],
  ['slow-mode', 30, 'Slow mode: you can write again in 30 s.'],
  ['too-long', 0, 'This is too long: 500 characters are the most.'],
  ['nickname-taken', 0, 'Somebody has this name, or one that looks like it.'],
  ['news', 0, 'That did not work: why'],
])('the refusal %s is told', (code, retryAfter, words) => {
  expect(errorWords(new ChatError(code, 'why', retryAfter), 500, say)).toBe(words);
});

test.each([
  [{ what: 'ban', by: 'A', name: 'B' }, 'A has banned B.'],
  [{ what: 'ban', by: 'A', name: 'B', seconds: 3600 }, 'A has banned B for 60 min.'],
  [{ what: 'timeout', by: 'A', name: 'B', seconds: 60 }, 'A has silenced B for 60 s.'],
  [{ what: 'slow', seconds: 0 }, 'Slow mode is off.'],
  [{ what: 'followers', on: true }, 'Now only those write who came by an invitation.'],
] as const)('the notice %j', (notice, words) => {
  expect(noticeWords(notice, say)).toBe(words);
});
