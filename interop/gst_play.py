"""Plays a stream with webrtcbin until it has seen enough of it: python3 gst_play.py URL FRAMES [--trickle] [--tcp] [--talk NAME --data COUNT].
"""

import argparse
import threading

import gst_peer
from gst_peer import Gst, GstWebRTC

import numpy
import report
import talk

DECODERS = {
    "VP8": "rtpvp8depay ! vp8dec",
    "VP9": "rtpvp9depay ! vp9dec",
    "H264": "rtph264depay ! avdec_h264",
    "OPUS": "rtpopusdepay ! opusdec",
}
OFFERED = {
    "video": ["encoding-name=VP8,payload=96", "encoding-name=VP9,payload=98"]
    + ["encoding-name=H264,payload=102,packetization-mode=(string)1,profile-level-id=(string)42e01f"],
    "audio": ["encoding-name=OPUS,payload=111,encoding-params=(string)2"],
}
CLOCK = {"video": 90000, "audio": 48000}
RAW = {"video": "videoconvert ! video/x-raw,format=RGB", "audio": "audioconvert ! audio/x-raw,format=F32LE,channels=1"}


class Player:
    """A Peer that reports what it decodes."""

    def __init__(self, frames, tcp, member):
        self.peer = gst_peer.Peer(tcp, member)
        self.complete = threading.Event()
        self.report = report.Report(frames, member)
        self.peer.bin.connect("pad-added", self._receive)
        for kind, formats in OFFERED.items():
            caps = ";".join(f"application/x-rtp,media={kind},clock-rate={CLOCK[kind]},{f}" for f in formats)
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            self.peer.bin.emit("add-transceiver", direction, Gst.Caps.from_string(caps))

    def _receive(self, _, pad):
        caps = pad.get_current_caps().get_structure(0)
        kind, codec = caps.get_string("media"), caps.get_string("encoding-name")
        branch = self.peer.add(f"{DECODERS[codec]} ! {RAW[kind]} ! appsink name=sink emit-signals=true sync=false")
        branch.get_by_name("sink").connect("new-sample", self._take)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def _take(self, sink):
        sample = sink.emit("pull-sample")
        caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
        data = buffer.extract_dup(0, buffer.get_size())
        if caps.get_name() == "audio/x-raw":
            self.report.hear(numpy.frombuffer(data, numpy.float32), caps.get_value("rate"))
        else:
            self.report.see(numpy.frombuffer(data, numpy.uint8).reshape(caps.get_value("height"), -1, 3))
        if self.report.complete():
            self.complete.set()
        return Gst.FlowReturn.OK


def play(url, frames, trickle, tcp, member):
    player = Player(frames, tcp, member)
    try:
        player.peer.start(url, trickle)
        while not player.complete.wait(0.1):
            player.peer.fail()
        player.report.say()
    finally:
        player.peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("frames", type=int)
    parser.add_argument("--trickle", action="store_true")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--talk")
    parser.add_argument("--data", type=int, default=0)
    arguments = parser.parse_args()
    member = talk.Talk(arguments.talk, arguments.data) if arguments.talk else None
    play(arguments.url, arguments.frames, arguments.trickle, arguments.tcp, member)
