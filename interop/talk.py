"""What a client says and hears on its data channels "chat" (docs/chat.md) and "data" (docs/data.md), whichever library has them.

Everyone says hello, and who broadcasts answers each viewer's. page_talk.mjs is the same in a browser; talk.mjs knows what is to be
heard.
"""

import hashlib
import json
import os
import threading

LABELS = ("chat", "data")
# Of binary messages, bytes: what every client takes, and the most that the gateway does.
SIZES = (65535, 256 << 10)


class Talk:
    """A member of the chat, and a receiver of data."""

    def __init__(self, name, wanted=0):
        """Wanted is how many different messages of data are to come."""
        self._name = name
        self._wanted = wanted
        self._you = {}
        self.settled = threading.Event()  # its hello is in the room
        self._own = None
        self._answers = 0
        self._ids = []
        self._heard = []
        self._errors = []
        self._data = {}

    def join(self):
        """Gives the first request."""
        return json.dumps({"type": "join", "name": self._name})

    def chat(self, frame):
        """Takes what came on the channel "chat", and gives the requests to send."""
        return [json.dumps(request) for event in json.loads(frame) for request in self._handle(event)]

    def _handle(self, event):
        if event["type"] == "welcome":
            self._you = event["you"]
            yield {"type": "message", "text": f"안녕하세요, {self._name}입니다 👋"}
        elif event["type"] == "error":
            self._errors.append(f"{event['code']}: {event['detail']}")
        elif event["type"] == "message":
            sender, reply = event["from"], event.get("reply")
            self._ids.append(event["id"])
            self._heard.append(f"{sender['role']} {sender['name']}: {event['text']}")
            if sender["id"] == self._you["id"] and not reply:
                self._own = event["id"]
                self.settled.set()
            elif reply and reply["id"] == self._own:
                self._answers += 1
            elif self._you["role"] == "broadcaster" and not reply:
                yield {"type": "message", "text": f"{sender['name']}님, 반갑습니다!", "reply": event["id"]}

    def take(self, message):
        """Takes what came on the channel "data"."""
        one = digest(message)
        self._data[one["sha256"]] = one

    def complete(self):
        """Tells whether the hello was answered by two, the broadcaster and the guest, and all data came."""
        return self._answers >= 2 and len(self._data) >= self._wanted

    def fail(self):
        """Raises what the room has refused, if anything."""
        if self._errors:
            raise RuntimeError("; ".join(self._errors))

    def report(self):
        """Gives what was heard, as Heard in talk.mjs."""
        rising = all(a < b for a, b in zip(self._ids, self._ids[1:]))
        return {"heard": self._heard, "rising": rising, "errors": self._errors, "data": list(self._data.values())}


def messages(sizes=SIZES):
    """Gives what a broadcaster sends on the channel "data", again and again, since viewers get nothing older."""
    return ["점수 2:1 ⚽", *map(os.urandom, sizes)]


def digest(message):
    """Describes a message of data."""
    data = message.encode() if isinstance(message, str) else message
    return {"text": isinstance(message, str), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
