"""Publishes the test picture and a tone with aiortc: python3 aiortc_publish.py URL CODEC [--talk NAME].

It ends with its standard input.
"""

import argparse
import asyncio
import fractions

import aiortc
import av
import numpy

import aiortc_talk
import picture
import report
import talk
import wish


class Source(aiortc.MediaStreamTrack):
    """A track that gives its frames in real time."""

    def __init__(self, rate):
        super().__init__()
        self._rate = rate
        self._began = None

    async def stamped(self, frame, pts):
        """Waits until it is time for the frame, whose clock has the track's rate."""
        now = asyncio.get_running_loop().time()
        self._began = self._began or now
        await asyncio.sleep(self._began + pts / self._rate - now)
        frame.pts, frame.time_base = pts, fractions.Fraction(1, self._rate)
        return frame


class Camera(Source):
    """The test picture."""

    kind = "video"

    def __init__(self):
        super().__init__(90000)
        self._sent = 0

    async def recv(self):
        number, self._sent = self._sent, self._sent + 1
        frame = av.VideoFrame.from_ndarray(picture.draw(number), format="rgb24")
        return await self.stamped(frame, number * 90000 // picture.RATE)


class Tone(Source):
    """A tone of 440 Hz, in frames of 20 ms."""

    kind = "audio"

    def __init__(self):
        super().__init__(48000)
        self._sent = 0

    async def recv(self):
        first, self._sent = self._sent, self._sent + 960
        wave = numpy.sin(numpy.arange(first, self._sent) * (2 * numpy.pi * 440 / 48000))
        frame = av.AudioFrame.from_ndarray((wave * 16000).astype(numpy.int16).reshape(1, -1), layout="mono")
        frame.sample_rate = 48000
        return await self.stamped(frame, first)


async def publish(url, codec, member):
    peer = aiortc.RTCPeerConnection()
    connected = asyncio.Event()
    peer.on("connectionstatechange", lambda: peer.connectionState == "connected" and connected.set())
    peer.addTransceiver(Tone(), "sendonly")
    video = peer.addTransceiver(Camera(), "sendonly")
    wanted = [c for c in aiortc.RTCRtpSender.getCapabilities("video").codecs if c.mimeType == f"video/{codec}"]
    video.setCodecPreferences(wanted)
    data = aiortc_talk.attach(peer, member) if member else None
    await peer.setLocalDescription(await peer.createOffer())  # with all candidates
    session = await asyncio.to_thread(wish.Session, url, peer.localDescription.sdp)
    try:
        await peer.setRemoteDescription(aiortc.RTCSessionDescription(session.answer, "answer"))
        async with asyncio.timeout(20):
            await connected.wait()
            while member and not member.settled.is_set():
                await asyncio.sleep(0.05)
        sent = talk.messages() if member else []
        spreading = asyncio.create_task(aiortc_talk.spread(data, sent)) if member else None
        report.say(connected=True, data=[talk.digest(message) for message in sent])
        await asyncio.to_thread(report.until_told)
        if spreading:
            spreading.cancel()
            member.fail()
    finally:
        await asyncio.to_thread(session.close)
        await peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("codec")
    parser.add_argument("--talk")
    arguments = parser.parse_args()
    member = talk.Talk(arguments.talk) if arguments.talk else None
    asyncio.run(publish(arguments.url, arguments.codec, member))
