/** Keeps the screen on while live, where the browser can (W3C Screen Wake Lock). It lets go of the lock when the tab is hidden. */
export class WakeLock {
  private lock: WakeLockSentinel | undefined;
  private wanted = false;

  constructor() {
    document.addEventListener('visibilitychange', () => void this.take());
  }

  set(wanted: boolean): void {
    this.wanted = wanted;
    if (!wanted) {
      void this.lock?.release();
      this.lock = undefined;
    }
    void this.take();
  }

  private async take(): Promise<void> {
    if (!this.wanted || document.hidden || (this.lock && !this.lock.released)) {
      return;
    }
    // Refused on a low battery, for one; the stream goes on without.
    this.lock = await navigator.wakeLock?.request('screen').catch(() => undefined);
    if (!this.wanted) {
      void this.lock?.release();
    }
  }
}
