import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ChatClient, type ChatError } from './client.ts';
import type { Link, LinkListener } from './link.ts';
import type { ChatEvent, Join } from './protocol.ts';
import { Room } from './room.ts';

const me = { id: 'me', name: 'Ada', role: 'viewer' } as const;
const id = (n: number) => `01KAW4E9M1T8S0V2X4Z6${String(n).padStart(6, '0')}`;
const message = (n: number, text: string, from: ChatEvent & { type: 'you' } = { type: 'you', you: me }) =>
  ({ type: 'message', id: id(n), time: n, from: from.you, text }) as const;
const welcome = (history = 0, resumed = false) => ({
  type: 'welcome',
  you: me,
  token: 't',
  stream: 's',
  time: 0,
  viewers: 1,
  invited: false,
  resumed,
  history,
  settings: { slow: 0, followers: false, pinned: null },
  limits: { text: 500, nickname: 24 },
});

/** A way that does what the test says. */
class FakeLink implements Link {
  sent: { type: string; ref?: string }[] = [];
  closed = false;

  constructor(
    readonly join: Join,
    readonly listener: LinkListener,
  ) {}

  send(request: object): void {
    this.sent.push(request as { type: string });
  }

  close(): void {
    this.closed = true;
  }
}

let links: FakeLink[];
let room: Room;
let client: ChatClient;
let ways: number;
const latest = (): FakeLink => {
  const link = links.at(-1);
  if (!link) {
    throw new Error('no link');
  }
  return link;
};
const settle = () => vi.advanceTimersByTimeAsync(0);
const outcome = (request: Promise<unknown>) =>
  request.then(
    () => 'done',
    (error: ChatError) => error.code,
  );

beforeEach(async () => {
  vi.useFakeTimers();
  links = [];
  ways = Number.POSITIVE_INFINITY;
  room = new Room();
  client = new ChatClient({
    way: async () =>
      ways-- > 0
        ? (join, listener) => {
            const link = new FakeLink(join as Join, listener);
            links.push(link);
            return link;
          }
        : undefined,
    join: () => ({ ...(room.last && { since: room.last }) }),
    events: (events) => events.forEach((event) => void room.apply(event)),
    changed: () => undefined,
    random: () => 1,
  });
  client.start();
  await settle();
});

afterEach(() => {
  client.stop();
  vi.useRealTimers();
});

test('joins, and is there with the welcome', () => {
  expect(client.state).toBe('connecting');
  expect(latest().join).toEqual({ type: 'join' });
  latest().listener.frame(JSON.stringify([welcome()]));
  expect(client.state).toBe('open');
});

test('a request has an answer by its ref', async () => {
  latest().listener.frame([welcome()]);
  const good = client.request({ type: 'members' });
  const bad = outcome(client.request({ type: 'slow', seconds: 5 }));
  const [first, second] = latest().sent;
  latest().listener.frame([{ type: 'error', code: 'forbidden', detail: '', ref: second?.ref }]);
  latest().listener.frame([{ type: 'members', viewers: 1, members: [], ref: first?.ref }]);
  expect(await good).toMatchObject({ type: 'members' });
  expect(await bad).toBe('forbidden');
});

test('nothing can be asked before', async () => {
  expect(await outcome(client.request({ type: 'members' }))).toBe('offline');
});

describe('when the way is lost', () => {
  beforeEach(() => latest().listener.frame([welcome(1), message(1, 'before')]));

  test('it comes back with what it has, after a pause', async () => {
    latest().listener.ended();
    expect(client.state).toBe('waiting');
    expect(links[0]?.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(links).toHaveLength(2);
    expect(latest().join).toEqual({ type: 'join', since: id(1) });
  });

  test('a late frame of the old way counts for nothing', async () => {
    latest().listener.ended();
    await vi.advanceTimersByTimeAsync(1000);
    links[0]?.listener.frame([message(2, 'late')]);
    links[0]?.listener.ended();
    latest().listener.frame([welcome(1, true), message(2, 'once')]);
    expect(room.lines.map(({ key }) => key)).toEqual([id(1), id(2)]);
    expect(client.state).toBe('open');
  });

  test('a message that had arrived is found in the history', async () => {
    const sent = outcome(client.request({ type: 'message', text: ' hello  there' }));
    const other = outcome(client.request({ type: 'message', text: 'lost' }));
    const asked = outcome(client.request({ type: 'bans' }));
    latest().listener.ended();
    expect(await asked).toBe('lost');
    await vi.advanceTimersByTimeAsync(1000);
    latest().listener.frame([welcome(2, true), message(2, 'hello there')]);
    expect(await sent).toBe('done');
    latest().listener.frame([message(3, 'of another', { type: 'you', you: { ...me, id: 'x' } })]);
    expect(await other).toBe('lost');
  });

  test('the pauses grow, up to a good one', async () => {
    const pauses: number[] = [];
    for (let n = 0; n < 7; n++) {
      latest().listener.ended();
      pauses.push(client.retryAt - Date.now());
      await vi.advanceTimersByTimeAsync(pauses.at(-1) ?? 0);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    latest().listener.frame([welcome(0, true)]);
    await vi.advanceTimersByTimeAsync(10_000);
    latest().listener.ended();
    expect(client.retryAt - Date.now()).toBe(1000);
  });

  test('the network coming back cuts the pause short', async () => {
    latest().listener.ended();
    client.wake();
    await settle();
    expect(links).toHaveLength(2);
  });
});

describe('an end', () => {
  const end = (code: string, retryAfter?: number) => {
    latest().listener.frame([welcome()]);
    latest().listener.frame([{ type: 'error', code, detail: 'why', ...(retryAfter && { retry_after: retryAfter }) }]);
    latest().listener.ended();
  };

  test.each(['banned', 'full'])('by %s is for good', async (code) => {
    end(code);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(links).toHaveLength(1);
    expect(client.state).toBe('ended');
    expect(client.error).toMatchObject({ code, detail: 'why' });
  });

  test.each([
    ['banned', 90, 90_000],
    ['full', 10, 10_000],
    ['flood', 0, 60_000],
    ['closed', 0, 1000],
    ['slow-reader', 0, 1000],
  ])('by %s for %i s waits', (code, retryAfter, pause) => {
    end(code, retryAfter);
    expect(client.state).toBe('waiting');
    expect(client.retryAt - Date.now()).toBe(pause);
    client.wake();
    expect(links).toHaveLength(1);
  });

  test('by a refusal on the way in', () => {
    latest().listener.ended({ code: 'unavailable', detail: '' });
    expect(client.state).toBe('ended');
  });

  test('a refusal of a request is none', async () => {
    latest().listener.frame([welcome()]);
    latest().listener.frame([{ type: 'error', code: 'too-fast', detail: '', retry_after: 3 }]);
    latest().listener.ended();
    expect(client.retryAt - Date.now()).toBe(1000);
  });
});

test('a way that never says welcome is given up', async () => {
  await vi.advanceTimersByTimeAsync(10_000);
  expect(client.state).toBe('waiting');
  expect(latest().closed).toBe(true);
});

test('no way now is a reason to try again', async () => {
  ways = 0;
  latest().listener.ended();
  await vi.advanceTimersByTimeAsync(1000);
  expect(client.state).toBe('waiting');
  ways = 1;
  await vi.advanceTimersByTimeAsync(2000);
  expect(links).toHaveLength(2);
});

test('a second start leaves no gap and no second link', async () => {
  latest().listener.frame([welcome(1), message(1, 'a')]);
  client.start();
  await settle();
  expect(links.map(({ closed }) => closed)).toEqual([true, false]);
  expect(latest().join.since).toBe(id(1));
});

test('frames that are none are none', () => {
  for (const frame of ['{', '{}', 'null', '[1, null, "x"]', 7, undefined]) {
    latest().listener.frame(frame);
  }
  expect(client.state).toBe('connecting');
});

test('whoever stops is told what was not answered', async () => {
  latest().listener.frame([welcome()]);
  const sent = outcome(client.request({ type: 'message', text: 'x' }));
  client.stop();
  client.stop();
  expect(await sent).toBe('lost');
  expect(client.state).toBe('idle');
});
