"""Publishes the test picture and a tone with webrtcbin: python3 gst_publish.py URL CODEC [--trickle] [--tcp] [--talk NAME].

It ends with its standard input.
"""

import argparse
import threading
import time

import gst_peer
from gst_peer import Gst

import gst_talk
import picture
import report
import talk

ENCODERS = {
    "VP8": "vp8enc deadline=1 error-resilient=default target-bitrate=800000 keyframe-max-dist=600 ! rtpvp8pay",
    "H264": "openh264enc bitrate=800000 gop-size=600 ! h264parse ! rtph264pay aggregate-mode=zero-latency config-interval=-1",
}
CAMERA = f"""
    appsrc name=camera is-live=true format=time do-timestamp=true
    caps=video/x-raw,format=RGB,width={picture.WIDTH},height={picture.HEIGHT},framerate={picture.RATE}/1 ! videoconvert"""
TONE = "audiotestsrc is-live=true freq=440 volume=0.5 ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay"


def film(camera, ended):
    """Gives the camera's pictures in real time."""
    began = time.monotonic()
    number = 0
    while not ended.wait(max(0, began + number / picture.RATE - time.monotonic())):
        camera.emit("push-buffer", Gst.Buffer.new_wrapped(picture.draw(number).tobytes()))
        number += 1


def publish(url, codec, trickle, tcp, member):
    peer = gst_peer.Peer(tcp, member)
    rtp = "capsfilter caps=application/x-rtp"
    video = peer.add(f"{CAMERA} ! {ENCODERS[codec]} ! {rtp},media=video,encoding-name={codec},payload=96")
    audio = peer.add(f"{TONE} ! {rtp},media=audio,encoding-name=OPUS,payload=97")
    video.link(peer.bin)
    audio.link(peer.bin)
    ended = threading.Event()
    work = [threading.Thread(target=film, args=(video.get_by_name("camera"), ended))]
    sent = talk.messages(talk.SIZES[:1]) if member else []  # webrtcbin sends no more than 64 KiB
    try:
        peer.start(url, trickle)
        if member:
            while not member.settled.wait(0.1):
                peer.fail()
            work.append(threading.Thread(target=gst_talk.spread, args=(peer.data, sent, ended)))
        for thread in work:
            thread.start()
        report.say(connected=True, data=[talk.digest(message) for message in sent])
        report.until_told()
        ended.set()
        for thread in work:
            thread.join()
        peer.fail()
        if member:
            member.fail()
    finally:
        ended.set()
        peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("codec", choices=ENCODERS)
    parser.add_argument("--trickle", action="store_true")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--talk")
    arguments = parser.parse_args()
    member = talk.Talk(arguments.talk) if arguments.talk else None
    publish(arguments.url, arguments.codec, arguments.trickle, arguments.tcp, member)
