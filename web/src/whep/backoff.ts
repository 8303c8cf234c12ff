/** The pauses between attempts: doubling from the shortest to the longest, milliseconds. */
const shortest = 500;
const longest = 15_000;
/** The longest pause that a server may ask for, milliseconds. */
const patience = 5 * 60_000;

/**
 * How long to wait after so many failures in a row (1 is the first), milliseconds. Between half the pause and all of it, by
 * chance, so that the viewers of a server that restarts do not all come back at once; but never less than the server asks.
 */
export function pauseAfter(failures: number, retryAfter = 0, random: () => number = Math.random): number {
  const pause = Math.min(longest, shortest * 2 ** Math.max(0, failures - 1));
  return Math.max(Math.round(pause * (0.5 + random() / 2)), Math.min(retryAfter, patience));
}

/** Reads a Retry-After header: seconds or a date (RFC 9110 section 10.2.3). Milliseconds; undefined if it says nothing. */
export function parseRetryAfter(header: string | null, now = Date.now()): number | undefined {
  const value = header?.trim() ?? '';
  if (/^\d+$/.test(value)) {
    return Number(value) * 1000;
  }
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
