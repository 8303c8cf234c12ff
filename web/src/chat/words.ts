/** States, errors and notices in the words of the reader. */
import type { Say } from '../i18n/chat.ts';
import type { ChatClient, ChatError } from './client.ts';
import type { Notice } from './room.ts';

/** A time span in a word or two; seconds are rounded up. */
export function span(seconds: number, say: Say): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 100) {
    return say('time.seconds', { n: whole });
  }
  if (whole < 100 * 60) {
    return say('time.minutes', { n: Math.round(whole / 60) });
  }
  return whole < 48 * 3600
    ? say('time.hours', { n: Math.round(whole / 3600) })
    : say('time.days', { n: Math.round(whole / 86_400) });
}

/** Why there is no chat now; empty when there is. */
export function stateWords({ state, error, retryAt }: ChatClient, say: Say, now = Date.now()): string {
  const wait = (retryAt - now) / 1000;
  if (state === 'connecting' && !error) {
    return say('state.connecting');
  }
  if (state === 'waiting' || state === 'connecting') {
    if (error?.code === 'banned') {
      return withReason(say('state.banned.for', { time: span(wait, say) }), error, say);
    }
    if (error?.code === 'full') {
      return say('state.crowded', { time: span(wait, say) });
    }
    return wait > 2 ? say('state.waiting.in', { time: span(wait, say) }) : say('state.waiting');
  }
  if (state !== 'ended' || !error) {
    return '';
  }
  switch (error.code) {
    case 'banned':
      return withReason(say('state.banned'), error, say);
    case 'full':
    case 'unauthorized':
    case 'malformed':
      return say(`state.${error.code}`);
    default:
      return say('state.unavailable');
  }
}

/** With the moderator's reason, if there was one: the server says something in any case. */
function withReason(text: string, error: ChatError, say: Say): string {
  const detail = error.detail.replace(/^banned from this room(: |$)/, '').replace(/^a moderator has banned you$/, '');
  return detail ? `${text} ${say('reason', { detail })}` : text;
}

/** Why a request was refused, and when to try again. */
export function errorWords({ code, detail, retryAfter }: ChatError, limit: number, say: Say): string {
  const time = span(retryAfter, say);
  switch (code) {
    case 'too-fast':
      return retryAfter > 1 ? say('error.too-fast.in', { time }) : say('error.too-fast');
    case 'slow-mode':
    case 'timed-out':
      return say(`error.${code}`, { time });
    case 'too-long':
      return say('error.too-long', { limit });
    case 'nickname':
      return say('error.nickname', { detail: detail.replace(/^not a nickname: /, '') });
    case 'empty':
    case 'busy':
    case 'followers-only':
    case 'word':
    case 'duplicate':
    case 'forbidden':
    case 'not-found':
    case 'nickname-taken':
    case 'storage':
    case 'offline':
    case 'lost':
      return say(`error.${code}`);
    default:
      return say('error.other', { detail: detail || code });
  }
}

/** What was done in the room. */
export function noticeWords(notice: Notice, say: Say): string {
  switch (notice.what) {
    case 'clear':
      return say('notice.clear', { by: notice.by });
    case 'timeout':
    case 'ban': {
      const { by, name = '', seconds } = notice;
      const forever = notice.what === 'ban' && !seconds;
      return forever
        ? say('notice.ban', { by, name })
        : say(notice.what === 'ban' ? 'notice.ban.for' : 'notice.timeout', { by, name, time: span(seconds ?? 0, say) });
    }
    case 'nickname':
      return say('notice.nickname', { name: notice.name, was: notice.was });
    case 'slow':
      return notice.seconds > 0 ? say('notice.slow', { time: span(notice.seconds, say) }) : say('notice.slow.off');
    case 'followers':
      return say(notice.on ? 'notice.followers' : 'notice.followers.off');
  }
}
