import {
  cameraConstraints,
  microphoneConstraints,
  pictureConstraints,
  screenConstraints,
  screenSoundConstraints,
  supportedConstraints,
} from './constraints.ts';
import { Mixer } from './mixer.ts';
import type { Device } from './problems.ts';
import type { Settings } from './settings.ts';

/** A capture that failed, and of what. */
export class CaptureError extends Error {
  constructor(
    readonly device: Device,
    override readonly cause: unknown,
  ) {
    super(device);
  }
}

type Place = 'camera' | 'microphone' | 'screen' | 'screenSound';

/**
 * Camera, microphone and screen of the publisher. Sends `change` when `video` or `audio` is another track, and `lost` (a
 * CustomEvent with the place) when a device ended by itself: unplugged, or the browser's "stop sharing".
 */
export class Capture extends EventTarget {
  /** The picture to send: the screen while one is shared, else the camera. */
  video: MediaStreamTrack | null = null;
  /** The sound to send. */
  audio: MediaStreamTrack | null = null;

  private readonly tracks = new Map<Place, MediaStreamTrack>();
  /** What the outgoing sound is made of. */
  private sound: MediaStreamTrack[] = [];
  private readonly mixer = new Mixer();
  private readonly supported = supportedConstraints();

  has(place: Place): boolean {
    return this.tracks.has(place);
  }

  /** What the device in use calls itself, '' if there is none. */
  deviceId(place: Place): string {
    return this.tracks.get(place)?.getSettings().deviceId ?? '';
  }

  get muted(): boolean {
    return this.tracks.get('microphone')?.enabled === false;
  }

  set muted(muted: boolean) {
    const track = this.tracks.get('microphone');
    if (track) {
      track.enabled = !muted;
      this.dispatchEvent(new Event('change'));
    }
  }

  /**
   * Opens or changes the camera; a shared screen ends. The microphone comes with it, in one question to the user, if it is
   * wanted and not open yet. What was before stays if this throws a CaptureError.
   */
  async useCamera(settings: Settings): Promise<void> {
    const both = settings.voice && !this.has('microphone');
    const stream = await grant('camera', {
      video: cameraConstraints(settings, this.supported),
      audio: both && microphoneConstraints(settings, this.supported),
    });
    this.drop('screen', 'screenSound', 'camera');
    this.keep('camera', stream.getVideoTracks()[0]);
    this.keep('microphone', stream.getAudioTracks()[0]);
    this.settle(settings);
  }

  /** Opens or changes the microphone. */
  async useMicrophone(settings: Settings): Promise<void> {
    const stream = await grant('microphone', { audio: microphoneConstraints(settings, this.supported) });
    const { muted } = this;
    this.drop('microphone');
    this.keep('microphone', stream.getAudioTracks()[0]);
    const track = this.tracks.get('microphone');
    if (track) {
      track.enabled = !muted;
    }
    this.settle(settings);
  }

  /** Shares a screen, with its sound where the browser offers it. The camera stays open, to come back to. */
  async useScreen(settings: Settings): Promise<void> {
    const stream = await grant('screen', {
      video: screenConstraints(settings, this.supported),
      audio: screenSoundConstraints(this.supported),
    });
    this.drop('screen', 'screenSound');
    this.keep('screen', stream.getVideoTracks()[0]);
    this.keep('screenSound', stream.getAudioTracks()[0]);
    this.settle(settings);
  }

  /** Ends a source. */
  stop(...places: Place[]): void {
    this.drop(...places);
    this.settle();
  }

  /** Takes over settings that running devices can follow. Throws a CaptureError if one cannot. */
  async adjust(settings: Settings): Promise<void> {
    const apply = async (place: Place, device: Device, constraints: MediaTrackConstraints) => {
      try {
        await this.tracks.get(place)?.applyConstraints(constraints);
      } catch (error) {
        throw new CaptureError(device, error);
      }
    };
    this.settle(settings);
    await apply('camera', 'camera', pictureConstraints(settings, this.supported));
    await apply('screen', 'screen', screenConstraints(settings, this.supported));
  }

  /** Ends all. */
  close(): void {
    this.stop('camera', 'microphone', 'screen', 'screenSound');
    this.mixer.close();
  }

  private keep(place: Place, track: MediaStreamTrack | undefined): void {
    if (!track) {
      return;
    }
    this.tracks.set(place, track);
    track.addEventListener('ended', () => {
      if (this.tracks.get(place) === track) {
        this.stop(...(place === 'screen' ? (['screen', 'screenSound'] as const) : [place]));
        this.dispatchEvent(new CustomEvent<Place>('lost', { detail: place }));
      }
    });
  }

  private drop(...places: Place[]): void {
    for (const place of places) {
      this.tracks.get(place)?.stop();
      this.tracks.delete(place);
    }
  }

  /** Finds out what goes out now. */
  private settle(settings?: Settings): void {
    const screen = this.tracks.get('screen');
    if (screen && settings) {
      screen.contentHint = settings.hint;
    }
    this.video = screen ?? this.tracks.get('camera') ?? null;
    const sound = (['microphone', 'screenSound'] as const).flatMap((place) => this.tracks.get(place) ?? []);
    if (!same(sound, this.sound)) {
      this.sound = sound;
      this.audio = this.mixer.mix(sound);
      if (this.audio && settings) {
        this.audio.contentHint = settings.music ? 'music' : '';
      }
    }
    this.dispatchEvent(new Event('change'));
  }
}

function same(a: readonly MediaStreamTrack[], b: readonly MediaStreamTrack[]): boolean {
  return a.length === b.length && a.every((track, index) => track === b[index]);
}

/** Asks the browser, and says of what it refused. */
async function grant(device: Device, constraints: MediaStreamConstraints): Promise<MediaStream> {
  const media = navigator.mediaDevices;
  try {
    if (device === 'screen' ? !media?.getDisplayMedia : !media?.getUserMedia) {
      throw new DOMException('not offered by this browser', 'NotSupportedError');
    }
    return await (device === 'screen' ? media.getDisplayMedia(constraints) : media.getUserMedia(constraints));
  } catch (error) {
    throw new CaptureError(device, error);
  }
}
