import type { Settings } from './settings.ts';

/**
 * Constraints from settings. Only those that the browser knows are named (getSupportedConstraints), so that none is silently
 * dropped. All are wishes but the device: a camera that cannot do 1080 lines gives what it can.
 */
export type Supported = Readonly<MediaTrackSupportedConstraints>;

export function cameraConstraints(settings: Settings, supported: Supported): MediaTrackConstraints {
  return known(
    {
      ...pictureConstraints(settings, supported),
      deviceId: settings.camera ? { exact: settings.camera } : undefined,
    },
    supported,
  );
}

/** Size and rate, for a camera or a screen, also to change while it runs. */
export function pictureConstraints(settings: Settings, supported: Supported): MediaTrackConstraints {
  return known(
    {
      width: { ideal: Math.round((settings.height * 16) / 9) },
      height: { ideal: settings.height },
      frameRate: { ideal: settings.frameRate, max: settings.frameRate },
    },
    supported,
  );
}

/** A screen gives its own shape; limits keep it from being larger than what is sent. */
export function screenConstraints(settings: Settings, supported: Supported): MediaTrackConstraints {
  return known(
    {
      width: { max: Math.round((settings.height * 16) / 9) },
      height: { max: settings.height },
      frameRate: { max: settings.frameRate },
    },
    supported,
  );
}

export function microphoneConstraints(settings: Settings, supported: Supported): MediaTrackConstraints {
  const speech = (wanted: boolean) => wanted && !settings.music;
  return known(
    {
      deviceId: settings.microphone ? { exact: settings.microphone } : undefined,
      echoCancellation: speech(settings.echoCancellation),
      noiseSuppression: speech(settings.noiseSuppression),
      autoGainControl: speech(settings.autoGainControl),
      channelCount: { ideal: settings.music ? 2 : 1 },
    },
    supported,
  );
}

/** A screen's sound is not to be processed like a voice. */
export function screenSoundConstraints(supported: Supported): MediaTrackConstraints {
  return known(
    { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: { ideal: 2 } },
    supported,
  );
}

type Wishes = { [Name in keyof MediaTrackConstraints]: MediaTrackConstraints[Name] | undefined };

function known(wishes: Wishes, supported: Supported): MediaTrackConstraints {
  return Object.fromEntries(
    Object.entries(wishes).filter(([name, value]) => value !== undefined && supported[name as keyof Supported]),
  );
}

export function supportedConstraints(): Supported {
  return navigator.mediaDevices?.getSupportedConstraints() ?? {};
}
