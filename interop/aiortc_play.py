"""Plays a stream with aiortc until it has seen enough of it: python3 aiortc_play.py URL FRAMES [--talk NAME --data COUNT]."""

import argparse
import asyncio

import aiortc
import numpy

import aiortc_talk
import report
import talk
import wish


async def look(track, seen):
    while not seen.complete():
        frame = await track.recv()
        seen.see(frame.to_ndarray(format="rgb24"))


async def listen(track, seen):
    while not seen.complete():
        frame = await track.recv()
        stereo = frame.to_ndarray().reshape(-1, 2)
        seen.hear(stereo[:, 0].astype(numpy.float64) / 32768, frame.sample_rate)


async def play(url, frames, member):
    seen = report.Report(frames, member)
    peer = aiortc.RTCPeerConnection()
    audio, video = (peer.addTransceiver(kind, "recvonly").receiver for kind in ("audio", "video"))
    if member:
        aiortc_talk.attach(peer, member)
    await peer.setLocalDescription(await peer.createOffer())  # with all candidates
    session = await asyncio.to_thread(wish.Session, url, peer.localDescription.sdp)
    try:
        await peer.setRemoteDescription(aiortc.RTCSessionDescription(session.answer, "answer"))
        await asyncio.gather(look(video.track, seen), listen(audio.track, seen))
        seen.say()
    finally:
        await asyncio.to_thread(session.close)
        await peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("frames", type=int)
    parser.add_argument("--talk")
    parser.add_argument("--data", type=int, default=0)
    arguments = parser.parse_args()
    member = talk.Talk(arguments.talk, arguments.data) if arguments.talk else None
    asyncio.run(play(arguments.url, arguments.frames, member))
