import type { ReactiveController, ReactiveControllerHost } from 'lit';

/** The cameras and microphones that are plugged in. Renders its host anew when that changes. */
export class Devices implements ReactiveController {
  cameras: MediaDeviceInfo[] = [];
  microphones: MediaDeviceInfo[] = [];

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostConnected(): void {
    // Not there on insecure pages.
    navigator.mediaDevices?.addEventListener('devicechange', this.refresh);
    void this.refresh();
  }

  hostDisconnected(): void {
    navigator.mediaDevices?.removeEventListener('devicechange', this.refresh);
  }

  /** Reads the list anew; after a permission was given it has labels and ids. */
  readonly refresh = async (): Promise<void> => {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    // Chromium lists the default device twice, as "default" and "communications", which follow the system's choice.
    const real = all.filter(({ deviceId }) => !['', 'default', 'communications'].includes(deviceId));
    this.cameras = real.filter(({ kind }) => kind === 'videoinput');
    this.microphones = real.filter(({ kind }) => kind === 'audioinput');
    this.host.requestUpdate();
  };
}
