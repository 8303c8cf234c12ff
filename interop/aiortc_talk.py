"""The data channels of an aiortc client."""

import asyncio

import talk


def attach(peer, one):
    """Opens the channels "chat" and "data" for a Talk; before the offer. Gives the latter."""
    chat, data = (peer.createDataChannel(label) for label in talk.LABELS)
    chat.on("open", lambda: chat.send(one.join()))
    chat.on("message", lambda frame: [chat.send(request) for request in one.chat(frame)])
    data.on("message", one.take)
    return data


async def spread(channel, messages):
    """Sends the messages each second, until it is canceled."""
    while True:
        if channel.readyState == "open" and channel.bufferedAmount == 0:
            for message in messages:
                channel.send(message)
        await asyncio.sleep(1)
