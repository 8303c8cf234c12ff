import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { streamPath } from './name.ts';

/** A track as GET /api/v1/streams tells of it. What is unknown is 0 or missing. */
export interface TrackInfo {
  kind: 'audio' | 'video';
  codec: string;
  width?: number;
  height?: number;
  frameRate?: number;
  /** In bit/s. */
  bitrate?: number;
}

/** A stream as GET /api/v1/streams tells of it. */
export interface StreamInfo {
  name: string;
  state: 'live' | 'standby' | 'offline';
  viewers: number;
  /** When it went live (RFC 3339); missing while nobody sends. */
  since?: string;
  tracks: TrackInfo[];
}

const interval = 2000;
const answerLimit = 8000;

/** Fetches a piece of the API again and again while the page is visible, and renders its host anew each time. */
export class Poll<T> implements ReactiveController {
  /** The latest answer; undefined before the first one. */
  value: T | undefined;
  /** Whether the latest attempt failed. `value` is then what was known before. */
  failed = false;
  /** What to add to the clock here to get the server's, in ms. */
  offset = 0;

  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: AbortController | undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    /** Where to ask; undefined: not now. */
    private readonly url: () => string | undefined,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    document.addEventListener('visibilitychange', this.restart);
    this.restart();
  }

  hostDisconnected(): void {
    document.removeEventListener('visibilitychange', this.restart);
    this.pause();
  }

  private pause(): void {
    clearTimeout(this.timer);
    this.running?.abort();
  }

  private readonly restart = (): void => {
    this.pause();
    if (!document.hidden) {
      this.running = new AbortController();
      void this.round(this.running.signal);
    }
  };

  private async round(signal: AbortSignal): Promise<void> {
    try {
      await this.ask(signal);
      this.failed = false;
    } catch {
      this.failed = true;
    }
    if (!signal.aborted) {
      this.host.requestUpdate();
      this.timer = setTimeout(() => void this.round(signal), interval);
    }
  }

  private async ask(signal: AbortSignal): Promise<void> {
    const url = this.url();
    if (url === undefined) {
      return;
    }
    const response = await fetch(url, {
      cache: 'no-store',
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerLimit)]),
    });
    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }
    const value = (await response.json()) as T;
    const date = Date.parse(response.headers.get('Date') ?? '');
    this.offset = Number.isNaN(date) ? 0 : date - Date.now();
    this.value = value;
  }
}

/** Whether the server says that somebody sends to the stream now. */
export async function isLive(name: string): Promise<boolean> {
  const response = await fetch(streamPath('api/v1/streams', name), {
    cache: 'no-store',
    signal: AbortSignal.timeout(answerLimit),
  });
  return response.ok && ((await response.json()) as StreamInfo).state === 'live';
}

/** The video track of a stream, or undefined. */
export function videoOf(stream: StreamInfo): TrackInfo | undefined {
  return stream.tracks.find(({ kind }) => kind === 'video');
}

/** "H264 1280×720", as far as it is known. */
export function describeTrack({ codec, width, height }: TrackInfo): string {
  return width && height ? `${codec} ${width}×${height}` : codec;
}
