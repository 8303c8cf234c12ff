import { expect, test } from 'vitest';
import { cameraConstraints, microphoneConstraints, pictureConstraints, screenConstraints } from './constraints.ts';
import { decibels } from './level.ts';
import { defaults, encodingOf, sane } from './settings.ts';

const all = {
  width: true,
  height: true,
  frameRate: true,
  deviceId: true,
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  channelCount: true,
};

test('only constraints that the browser supports are named', () => {
  expect(pictureConstraints(defaults, { height: true })).toEqual({ height: { ideal: 720 } });
  expect(microphoneConstraints(defaults, {})).toEqual({});
});

test('a chosen device is required, the default one is not named', () => {
  expect(cameraConstraints(defaults, all)).not.toHaveProperty('deviceId');
  expect(cameraConstraints({ ...defaults, camera: 'abc' }, all).deviceId).toEqual({ exact: 'abc' });
  expect(microphoneConstraints({ ...defaults, microphone: 'abc' }, all).deviceId).toEqual({ exact: 'abc' });
});

test('a screen is limited, never asked for a shape', () => {
  expect(screenConstraints({ ...defaults, height: 1080 }, all)).toEqual({
    width: { max: 1920 },
    height: { max: 1080 },
    frameRate: { max: 30 },
  });
});

test('music goes without the processing of speech, and in stereo', () => {
  expect(microphoneConstraints({ ...defaults, music: true }, all)).toEqual({
    echoCancellation: false,
    noiseSuppression: false,
    autoGainControl: false,
    channelCount: { ideal: 2 },
  });
  expect(encodingOf({ ...defaults, music: true }).audio).toEqual({ stereo: true, maxBitrate: 128_000 });
  expect(encodingOf(defaults)).toMatchObject({ codec: 'auto', maxBitrate: 2_500_000, audio: { stereo: false } });
});

test.each([null, 3, 'x', [], { height: 'tall' }, { height: 721, codec: 'MPEG', hint: 1, frameRate: -1 }])(
  'settings from %j are the defaults',
  (stored) => {
    expect(sane(stored)).toEqual(defaults);
  },
);

test('settings that make sense are kept, and a bitrate stays in its limits', () => {
  expect(sane({ height: 1080, codec: 'VP9', music: true })).toMatchObject({ height: 1080, codec: 'VP9', music: true });
  expect(sane({ bitrate: 1e12 }).bitrate).toBe(8_000_000);
  expect(sane({ bitrate: 1 }).bitrate).toBe(300_000);
  expect(sane({ bitrate: Number.NaN }).bitrate).toBe(defaults.bitrate);
});

test('the level is that of the peak', () => {
  expect(decibels(new Float32Array([0, -1, 0.5]))).toBe(0);
  expect(decibels(new Float32Array([0.1, 0]))).toBeCloseTo(-20);
  expect(decibels(new Float32Array(8))).toBe(Number.NEGATIVE_INFINITY);
});
