import { publishWords as say } from '../../i18n/publish.ts';
import type { WhipError } from '../../whip/client.ts';

/** What was to be captured. */
export type Device = 'camera' | 'microphone' | 'screen';

/** A problem in words, and whether a tab of its own would help. */
export interface Problem {
  text: string;
  newTab?: boolean;
}

/** What a page may know about itself when a capture fails. */
export interface Situation {
  secure: boolean;
  /** Whether the page stands in another one. */
  framed: boolean;
  /** Whether the document's permissions policy allows the device; undefined where the browser does not tell. */
  allowed: boolean | undefined;
  host: string;
  path: string;
}

/** Puts a failure of getUserMedia or getDisplayMedia into words that say what to do (W3C Media Capture, section 10.2). */
export function mediaProblem(error: unknown, kind: Device, at: Situation = situation(kind)): Problem {
  const device = say(`device.${kind}`);
  if (!at.secure) {
    return { text: insecure(at) };
  }
  const { name, message } = error instanceof Error || error instanceof DOMException ? error : new Error(String(error));
  switch (name) {
    case 'NotSupportedError':
      return { text: say(kind === 'screen' ? 'media.unsupported.screen' : 'media.unsupported', { device }) };
    case 'NotAllowedError':
    case 'PermissionDeniedError':
      return denied(message, kind, device, at);
    case 'NotFoundError':
    case 'DevicesNotFoundError':
      return { text: say('media.notFound', { device }) };
    case 'NotReadableError':
    case 'TrackStartError':
      return { text: say('media.notReadable', { device }) };
    case 'OverconstrainedError':
      return { text: overconstrained(error, device) };
    case 'SecurityError':
      return { text: say('media.security', { device }) };
    case 'AbortError':
      return { text: say('media.aborted', { device }) };
    case 'InvalidStateError':
      return { text: say('media.gesture') };
    case 'TypeError':
      return { text: say('media.nothing') };
    default:
      return { text: say('media.other', { device, message: message || name }) };
  }
}

function insecure({ host, path }: Situation): string {
  const port = /:\d+$/.exec(host)?.[0] ?? '';
  // TLS is rarely on the port of plain HTTP: the usual one is the better guess.
  const name = host.slice(0, host.length - port.length);
  return say('media.insecure', { https: `https://${name}${path}`, localhost: `http://localhost${port}${path}` });
}

function denied(message: string, kind: Device, device: string, at: Situation): Problem {
  if (at.allowed === false) {
    return { text: say('media.policy', { device }), newTab: at.framed };
  }
  if (/system/i.test(message)) {
    return { text: say('media.system', { device }) };
  }
  if (kind === 'screen') {
    return { text: say('media.denied.screen') };
  }
  return { text: say(/dismissed/i.test(message) ? 'media.dismissed' : 'media.denied', { device }) };
}

function overconstrained(error: unknown, device: string): string {
  const name = String(Object(error).constraint ?? '');
  if (name === 'deviceId' || name === 'groupId') {
    return say('media.overconstrained.device', { device });
  }
  const key = `constraint.${name}` as Parameters<typeof say>[0];
  const constraint = key in say.words.en && name !== 'other' ? say(key) : say('constraint.other', { name });
  return say('media.overconstrained', { device, constraint });
}

function situation(kind: Device): Situation {
  const feature = kind === 'screen' ? 'display-capture' : kind;
  // Chromium alone has this, under its older name.
  const policy = (document as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
  return {
    secure: isSecureContext,
    framed: window.top !== window,
    allowed: policy?.allowsFeature(feature) ?? (window.top === window ? true : undefined),
    host: location.host,
    path: location.pathname,
  };
}

const statuses = [400, 401, 403, 404, 409, 413, 415, 422, 429, 503] as const;

/**
 * Puts a failure of a WHIP session into words, with the server's own sentence where it gave one. `again`: whether another
 * attempt follows by itself.
 */
export function whipProblem(error: WhipError, name: string, again = false): string {
  const { kind, status, detail } = error;
  const known = kind === 'closed' && again ? 'ended' : kind;
  const sentences = [known === 'http' ? refusal(status, name) : say(`failed.${known}`, { name })];
  if (kind === 'http' && detail) {
    sentences.push(say('failed.says', { detail }));
  }
  if (error.retryAfter > 0) {
    sentences.push(say('failed.wait', { seconds: Math.ceil(error.retryAfter) }));
  }
  return sentences.join(' ');
}

function refusal(status: number, name: string): string {
  const known = statuses.find((one) => one === status);
  if (known) {
    return say(`failed.${known}`, { name });
  }
  return say(status >= 500 ? 'failed.server' : 'failed.http', { status });
}
