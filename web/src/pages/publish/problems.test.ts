import { afterEach, describe, expect, test } from 'vitest';
import { setLanguage } from '../../i18n/index.ts';
import { publishWords } from '../../i18n/publish.ts';
import { WhipError } from '../../whip/client.ts';
import { mediaProblem, type Situation, whipProblem } from './problems.ts';

const page: Situation = { secure: true, framed: false, allowed: true, host: 'tv.example:8080', path: '/publish/a' };
const failure = (name: string, message = '') => new DOMException(message, name);

afterEach(() => setLanguage('en'));

describe('a failure of getUserMedia', () => {
  test.each([
    ['by the user', failure('NotAllowedError', 'Permission denied'), page, 'media.denied'],
    ['a question closed', failure('NotAllowedError', 'Permission dismissed'), page, 'media.dismissed'],
    ['by the system', failure('NotAllowedError', 'Permission denied by system'), page, 'media.system'],
    ['by the frame', failure('NotAllowedError'), { ...page, framed: true, allowed: false }, 'media.policy'],
    ['none there', failure('NotFoundError'), page, 'media.notFound'],
    ['in use', failure('NotReadableError'), page, 'media.notReadable'],
    ['switched off', failure('SecurityError'), page, 'media.security'],
    ['stopped', failure('AbortError'), page, 'media.aborted'],
    ['no press', failure('InvalidStateError'), page, 'media.gesture'],
    ['nothing asked for', new TypeError('audio or video is needed'), page, 'media.nothing'],
    ['no such function', failure('NotSupportedError'), page, 'media.unsupported'],
  ] as const)('%s', (_, error, at, key) => {
    expect(mediaProblem(error, 'camera', at).text).toBe(publishWords(key, { device: 'camera' }));
  });

  test('of a kind nobody foresaw tells the browser’s words', () => {
    expect(mediaProblem(new Error('the moon'), 'microphone', page).text).toContain('the moon');
    expect(mediaProblem('text', 'microphone', page).text).toContain('text');
  });

  test('names the constraint', () => {
    const over = (constraint: string) => Object.assign(failure('OverconstrainedError'), { constraint });
    expect(mediaProblem(over('frameRate'), 'camera', page).text).toContain('frame rate');
    expect(mediaProblem(over('height'), 'camera', page).text).toContain('resolution');
    expect(mediaProblem(over('zoom'), 'camera', page).text).toContain('zoom');
    expect(mediaProblem(over('deviceId'), 'camera', page).text).toContain('no longer there');
  });

  test('on an insecure page says which address to use', () => {
    const { text } = mediaProblem(new TypeError('undefined'), 'camera', { ...page, secure: false });
    expect(text).toContain('https://tv.example/publish/a');
    expect(text).toContain('http://localhost:8080/publish/a');
  });

  test('in a frame offers a tab of its own', () => {
    const error = failure('NotAllowedError');
    expect(mediaProblem(error, 'camera', { ...page, framed: true, allowed: false }).newTab).toBe(true);
    expect(mediaProblem(error, 'camera', page).newTab).toBeUndefined();
  });

  test('of a screen is told as one', () => {
    expect(mediaProblem(failure('NotAllowedError'), 'screen', page).text).toBe(publishWords('media.denied.screen'));
    expect(mediaProblem(failure('NotSupportedError'), 'screen', page).text).toBe(
      publishWords('media.unsupported.screen'),
    );
    const system = failure('NotAllowedError', 'Permission denied by system');
    expect(mediaProblem(system, 'screen', page).text).toBe(publishWords('media.system', { device: 'screen' }));
  });

  test('is told in Korean to who reads Korean', () => {
    setLanguage('ko');
    expect(mediaProblem(failure('NotFoundError'), 'camera', page).text).toBe(
      '연결된 카메라 장치가 없습니다. 연결하면 저절로 나타납니다.',
    );
  });
});

describe('a failure of WHIP', () => {
  test.each([401, 403, 404, 409, 413, 415, 422, 429, 503])('%d has words of its own', (status) => {
    const text = whipProblem(new WhipError('http', 'the server’s words', status), 'lobby');
    expect(text).not.toContain(String(status));
    expect(text).toContain('“the server’s words”');
  });

  test('others tell the status', () => {
    expect(whipProblem(new WhipError('http', '', 418), 'a')).toContain('418');
    expect(whipProblem(new WhipError('http', '', 502), 'a')).toContain('502');
  });

  test('tells how long to wait', () => {
    expect(whipProblem(new WhipError('http', '', 429, 12.2), 'a')).toContain('13 s');
  });

  test('by the server is told as a takeover only once that is sure', () => {
    expect(whipProblem(new WhipError('closed'), 'a', true)).toBe(publishWords('failed.ended'));
  });

  test.each(['network', 'timeout', 'answer', 'media', 'lost', 'closed'] as const)('%s has words', (kind) => {
    expect(whipProblem(new WhipError(kind, 'technical'), 'lobby')).toBe(
      publishWords(`failed.${kind}`, { name: 'lobby' }),
    );
  });
});
