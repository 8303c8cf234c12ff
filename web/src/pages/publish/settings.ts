import type { Encoding } from '../../whip/client.ts';
import { type VideoCodec, videoCodecs } from '../../whip/codecs.ts';

/** What the publisher has chosen. Device ids are those of enumerateDevices; '' is the browser's default. */
export interface Settings {
  camera: string;
  microphone: string;
  /** Whether to send the microphone at all. */
  voice: boolean;
  /** Lines of the picture. */
  height: number;
  frameRate: number;
  /** Upper limit of the video in bit/s. */
  bitrate: number;
  codec: VideoCodec | 'auto';
  /** What a shared screen shows (W3C MST Content Hints). */
  hint: 'detail' | 'motion';
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGainControl: boolean;
  /** Stereo at a high bitrate and no speech processing. */
  music: boolean;
}

export const heights = [360, 480, 720, 1080, 1440] as const;
export const frameRates = [15, 24, 30, 60] as const;
export const bitrates = { least: 300_000, most: 8_000_000, step: 100_000 } as const;

export const defaults: Settings = {
  camera: '',
  microphone: '',
  voice: true,
  height: 720,
  frameRate: 30,
  bitrate: 2_500_000,
  codec: 'auto',
  hint: 'detail',
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  music: false,
};

const storageKey = 'bongsu.publish';

/** The settings of the last time; what is missing or makes no sense is the default. */
export function loadSettings(): Settings {
  try {
    return sane(JSON.parse(localStorage.getItem(storageKey) ?? '{}'));
  } catch {
    return { ...defaults };
  }
}

export function saveSettings(settings: Settings): void {
  try {
    localStorage.setItem(storageKey, JSON.stringify(settings));
  } catch {
    // Storage may be full or forbidden; the settings then last as long as the page.
  }
}

/** Settings from what was stored, which an older version or anybody may have written. */
export function sane(stored: unknown): Settings {
  const given = Object(stored) as Record<string, unknown>;
  const settings: Settings = { ...defaults };
  for (const [name, value] of Object.entries(defaults)) {
    if (typeof given[name] === typeof value) {
      Object.assign(settings, { [name]: given[name] });
    }
  }
  const among = <T>(value: T, allowed: readonly T[], otherwise: T) => (allowed.includes(value) ? value : otherwise);
  settings.height = among<number>(settings.height, heights, defaults.height);
  settings.frameRate = among<number>(settings.frameRate, frameRates, defaults.frameRate);
  settings.codec = among(settings.codec, [...videoCodecs, 'auto'], defaults.codec);
  settings.hint = among(settings.hint, ['detail', 'motion'], defaults.hint);
  settings.bitrate = Math.min(bitrates.most, Math.max(bitrates.least, settings.bitrate || defaults.bitrate));
  return settings;
}

/** How to encode by these settings. */
export function encodingOf(settings: Settings): Encoding {
  return {
    codec: settings.codec,
    maxBitrate: settings.bitrate,
    maxFramerate: settings.frameRate,
    audio: { stereo: settings.music, maxBitrate: settings.music ? 128_000 : 48_000 },
  };
}

/** The stream key of this tab, for one stream: it goes with the tab. */
export function loadKey(stream: string): string {
  try {
    return sessionStorage.getItem(`bongsu.key.${stream}`) ?? '';
  } catch {
    return '';
  }
}

export function saveKey(stream: string, key: string): void {
  try {
    sessionStorage.setItem(`bongsu.key.${stream}`, key);
  } catch {
    // As above.
  }
}
