"""A session of GStreamer's webrtcbin with a WHIP or WHEP server."""

import ctypes
import queue
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

import gst_talk  # noqa: E402
import wish  # noqa: E402

_TIMEOUT = 10  # seconds

Gst.init(None)


class Peer:
    """A pipeline with a webrtcbin, which has candidates for UDP and TCP, or for TCP only.

    It works in threads of its own; here all waits. With a Talk it has the data channels for that, too.
    """

    def __init__(self, tcp, member=None):
        self.pipeline = Gst.Pipeline.new()
        self.bin = Gst.ElementFactory.make("webrtcbin")
        self.bin.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.bin)
        agent = _owned(self.bin.get_property("ice-agent"))
        # This address alone: libnice binds a socket to its network card, from where the server at 127.0.0.1 can't be reached.
        agent.emit("add-local-ip-address", "127.0.0.1")
        nice = _owned(agent.get_property("agent"))
        nice.set_property("upnp", False)  # asks the whole network
        nice.set_property("ice-udp", not tcp)
        self._connected = threading.Event()
        self._gathered = threading.Event()
        self._candidates = queue.Queue()
        self._session = None
        self._member = member
        self.data = None
        self.bin.connect("on-ice-candidate", lambda _, line, candidate: self._candidates.put((line, candidate)))
        self.bin.connect("notify::connection-state", self._connection)
        self.bin.connect("notify::ice-gathering-state", self._gathering)

    def add(self, description):
        """Gives a new bin of the pipeline, such as "audiotestsrc ! opusenc"."""
        added = Gst.parse_bin_from_description(description, True)
        self.pipeline.add(added)
        return added

    def start(self, url, trickle):
        """Begins a session, with all candidates in the offer or, with trickle, in PATCHes; returns when it is connected."""
        self.pipeline.set_state(Gst.State.PLAYING)
        if self._member:
            self.data = gst_talk.attach(self.bin, self._member)
        reply = self._ask("create-offer", None)
        offer = reply.get_value("offer")  # lives as long as the reply
        self._ask("set-local-description", offer)
        text = offer.sdp.as_text()
        if not trickle:
            _wait(self._gathered, "gathering")
            text = self.bin.props.local_description.sdp.as_text()
        self._session = wish.Session(url, text)
        _, answer = GstSdp.SDPMessage.new_from_text(self._session.answer)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, answer)
        self._ask("set-remote-description", answer)
        if trickle:
            self._trickle(offer.sdp)
        _wait(self._connected, "connecting")

    def fail(self):
        """Raises what went wrong in the pipeline, if anything."""
        message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        if message:
            error, detail = message.parse_error()
            raise RuntimeError(f"{error.message}: {detail}")

    def close(self):
        """Ends the session."""
        if self._session:
            self._session.close()
        self.pipeline.set_state(Gst.State.NULL)

    def _ask(self, action, argument):
        promise = Gst.Promise.new()
        self.bin.emit(action, argument, promise)
        if promise.wait() != Gst.PromiseResult.REPLIED:
            raise RuntimeError(f"{action} failed")
        reply = promise.get_reply()
        if reply is not None and reply.has_field("error"):
            raise RuntimeError(f"{action}: {reply.get_value('error').message}")
        return reply

    def _trickle(self, sdp):
        """Sends each candidate in a fragment of its own, as it comes, and then the end (RFC 8840 section 9)."""
        while True:
            ended = self._gathered.is_set()
            try:
                line, candidate = self._candidates.get(timeout=0.1)
                self._session.trickle(_fragment(sdp, line, candidate))
            except queue.Empty:
                if ended:
                    self._session.trickle(_fragment(sdp, 0, "end-of-candidates"))
                    return

    def _connection(self, *_):
        if self.bin.props.connection_state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            self._connected.set()

    def _gathering(self, *_):
        if self.bin.props.ice_gathering_state == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self._gathered.set()


def _fragment(sdp, line, attribute):
    media = sdp.get_media(line)
    lines = [
        f"a=ice-ufrag:{media.get_attribute_val('ice-ufrag')}",
        f"a=ice-pwd:{media.get_attribute_val('ice-pwd')}",
        f"m={media.get_media()} 9 {media.get_proto()} {media.get_format(0)}",
        f"a=mid:{media.get_attribute_val('mid')}",
        f"a={attribute}",
    ]
    return "".join(f"{text}\r\n" for text in lines)


def _owned(child):
    """Takes the reference that the getters of webrtcbin 1.22 forget to take, without which the object goes too early."""
    ctypes.CDLL("libgobject-2.0.so.0").g_object_ref(ctypes.c_void_p(hash(child)))
    return child


def _wait(event, what):
    if not event.wait(_TIMEOUT):
        raise RuntimeError(f"{what} took more than {_TIMEOUT} s")
