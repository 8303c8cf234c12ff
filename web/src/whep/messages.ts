/** A status in the words of the reader. */
import type { WhepStateDetail } from '../api.ts';
import type { Language } from '../i18n/index.ts';
import { t } from '../i18n/player.ts';
import type { WhepStatus } from './client.ts';

/** The detail of a `statechange` event. */
export function describe(status: WhepStatus, language: Language): WhepStateDetail {
  const title = titleOf(status, language);
  const advice = adviceOf(status, language);
  const end = /[.!?]$/.test(title) ? '' : '.';
  return {
    state: status.state,
    reason: status.reason,
    title,
    advice,
    message: advice ? `${title}${end} ${advice}` : title,
  };
}

function titleOf({ state, reason }: WhepStatus, language: Language): string {
  if (state === 'idle') {
    return '';
  }
  return state === 'failed' && reason ? t(`what.${reason}`, {}, language) : t(`state.${state}`, {}, language);
}

function adviceOf({ state, reason, port, detail }: WhepStatus, language: Language): string {
  if (!reason || state === 'idle' || state === 'live') {
    return '';
  }
  const what = state === 'reconnecting' ? t(`what.${reason}`, {}, language) : '';
  const advice =
    reason === 'blocked' && port !== undefined
      ? t('advice.blocked.port', { port }, language)
      : t(`advice.${reason}`, {}, language);
  // Only here does the server know better than we do.
  const words = reason === 'rejected' && detail ? `(${detail})` : '';
  return [what, advice, words].filter(Boolean).join(' ');
}
