import { defineConfig } from 'vitest/config';

/** End-to-end tests: one file after the other, for browsers want the whole machine. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['e2e/*.test.mjs'],
    fileParallelism: false,
    retry: 1, // machines are shared and noisy; what fails twice is wrong
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
