import { expect, test } from 'vitest';
import { overHTTP } from './http.ts';

const endpoint = 'https://tv.example/whep/lobby';
const open = (reply: () => Response | Promise<Response>) =>
  overHTTP('play', { endpoint, token: null, fetch: async () => reply() })
    .open('v=0\r\n')
    .catch((error: unknown) => error);

test.each([
  ['application/problem+json', '{"title":"Conflict","detail":"taken"}', 'taken'],
  ['application/problem+json; charset=utf-8', '{"title":"Conflict"}', 'Conflict'],
  ['application/json', '{"detail":3', ''],
  ['application/json', 'null', ''],
  ['text/html', '<h1>nginx</h1>', ''],
])('errors of a server are read only from a problem document: %s %s', async (type, body, detail) => {
  const headers = { 'Content-Type': type, 'Retry-After': '20' };
  expect(await open(() => new Response(body, { status: 409, headers }))).toMatchObject({
    kind: 'refused',
    status: 409,
    detail,
    retryAfter: 20_000,
  });
});

test.each([
  [new TypeError('Failed to fetch'), 'network'],
  [new DOMException('', 'TimeoutError'), 'timeout'],
])('%s is told as %s', async (thrown, kind) => {
  expect(await open(() => Promise.reject(thrown))).toMatchObject({ kind });
});
