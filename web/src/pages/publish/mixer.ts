/**
 * The one sound track that goes out: the microphone, the sound of the screen, or both mixed. With one source its own track is
 * sent as it is; the mixer is in the way only while there are two.
 */
export class Mixer {
  private context: AudioContext | undefined;

  /** The track to send; null without any source. What was mixed before ends. */
  mix(tracks: readonly MediaStreamTrack[]): MediaStreamTrack | null {
    this.close();
    if (tracks.length < 2) {
      return tracks[0] ?? null;
    }
    this.context = new AudioContext({ latencyHint: 'interactive' });
    // Some browsers let a context begin suspended although the user has just pressed a button.
    void this.context.resume();
    const output = this.context.createMediaStreamDestination();
    for (const track of tracks) {
      this.context.createMediaStreamSource(new MediaStream([track])).connect(output);
    }
    return output.stream.getAudioTracks()[0] ?? null;
  }

  close(): void {
    void this.context?.close();
    this.context = undefined;
  }
}
