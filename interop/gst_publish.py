"""Publishes the test picture and a tone with webrtcbin: python3 gst_publish.py URL CODEC [--trickle] [--tcp].

It ends with its standard input.
"""

import argparse
import threading
import time

import gst_peer
from gst_peer import Gst

import picture
import report

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


def publish(url, codec, trickle, tcp):
    peer = gst_peer.Peer(tcp)
    rtp = "capsfilter caps=application/x-rtp"
    video = peer.add(f"{CAMERA} ! {ENCODERS[codec]} ! {rtp},media=video,encoding-name={codec},payload=96")
    audio = peer.add(f"{TONE} ! {rtp},media=audio,encoding-name=OPUS,payload=97")
    video.link(peer.bin)
    audio.link(peer.bin)
    ended = threading.Event()
    filming = threading.Thread(target=film, args=(video.get_by_name("camera"), ended))
    try:
        peer.start(url, trickle)
        filming.start()
        report.say(connected=True)
        report.until_told()
        ended.set()
        filming.join()
        peer.fail()
    finally:
        ended.set()
        peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("codec", choices=ENCODERS)
    parser.add_argument("--trickle", action="store_true")
    parser.add_argument("--tcp", action="store_true")
    arguments = parser.parse_args()
    publish(arguments.url, arguments.codec, arguments.trickle, arguments.tcp)
