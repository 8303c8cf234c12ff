import { expect, test } from 'vitest';
import { chatOptions } from './embed-chat.ts';

test.each([
  ['', { transparent: false, size: undefined }],
  ['?transparent', { transparent: true, size: undefined }],
  ['?transparent=1&size=32', { transparent: true, size: 32 }],
  ['?transparent=No&size=7', { transparent: false, size: undefined }],
  ['?size=1e9', { transparent: false, size: undefined }],
  ['?size=1px;color:red', { transparent: false, size: undefined }],
])('the options of "%s"', (query, options) => {
  expect(chatOptions(query)).toEqual(options);
});
