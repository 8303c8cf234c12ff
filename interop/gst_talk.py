"""The data channels of a webrtcbin."""

from gi.repository import GLib, GstWebRTC

import talk


def attach(webrtcbin, one):
    """Opens the channels "chat" and "data" for a Talk; before the offer, and once the element is ready. Gives the latter."""
    chat, data = (webrtcbin.emit("create-data-channel", label, None) for label in talk.LABELS)
    chat.connect("on-open", lambda _: chat.emit("send-string", one.join()))
    chat.connect("on-message-string", lambda _, frame: [chat.emit("send-string", request) for request in one.chat(frame)])
    data.connect("on-message-string", lambda _, text: one.take(text))
    data.connect("on-message-data", lambda _, blob: one.take(blob.get_data()))
    return data


def spread(channel, messages, ended):
    """Sends the messages each second, until the event."""
    while not ended.wait(1):
        if channel.props.ready_state == GstWebRTC.WebRTCDataChannelState.OPEN and channel.props.buffered_amount == 0:
            for message in messages:
                if isinstance(message, str):
                    channel.emit("send-string", message)
                else:
                    channel.emit("send-data", GLib.Bytes.new(message))
