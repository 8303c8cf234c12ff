import { afterEach, expect, test, vi } from 'vitest';
import { invitation, recall, recallCredential, remember, rememberCredential } from './memory.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
  sessionStorage.clear();
});

test('each server knows us by a token and a name of its own', () => {
  remember('https://a.example', { token: 't' });
  remember('https://a.example', { name: 'Ada' });
  expect(recall('https://a.example')).toEqual({ token: 't', name: 'Ada' });
  expect(recall('https://b.example')).toEqual({});
});

test.each(['{', 'null', '[]', '{"token":7,"name":null}'])('what was stored as %s is nothing', (stored) => {
  localStorage.setItem('bongsu.chat.https://a.example', stored);
  expect(recall('https://a.example')).toEqual({});
});

test('an invitation is kept for its room', () => {
  expect(invitation('s', 'lobby')).toBeUndefined();
  expect(invitation('s', 'lobby', 'i')).toBe('i');
  expect(invitation('s', 'lobby')).toBe('i');
  expect(invitation('s', 'other')).toBeUndefined();
});

test('the administrator goes with the tab', () => {
  rememberCredential('secret');
  expect(recallCredential()).toBe('secret');
  expect(JSON.stringify(localStorage)).not.toContain('secret');
});

test('all works where nothing may be stored', () => {
  vi.stubGlobal('localStorage', undefined);
  vi.stubGlobal('sessionStorage', undefined);
  remember('s', { token: 't' });
  rememberCredential('x');
  expect([recall('s'), invitation('s', 'lobby', 'i'), invitation('s', 'lobby'), recallCredential()]).toEqual([
    {},
    'i',
    undefined,
    '',
  ]);
});
