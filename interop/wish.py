"""A plain client of WHIP (RFC 9725) and WHEP, of the standard library alone. Its calls block."""

import urllib.error
import urllib.parse
import urllib.request

_TIMEOUT = 10  # seconds
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Session:
    """A session at a WHIP or WHEP endpoint; its answer is in answer."""

    def __init__(self, endpoint, offer):
        response = _send("POST", endpoint, "application/sdp", offer, {})
        if response.status != 201:
            raise RuntimeError(f"POST gave {response.status}, not 201")
        self.answer = response.read().decode()
        self.url = urllib.parse.urljoin(endpoint, response.headers["Location"])
        self._etag = response.headers["ETag"]

    def trickle(self, fragment):
        """Tells the server candidates (RFC 9725 section 4.3.2)."""
        response = _send("PATCH", self.url, "application/trickle-ice-sdpfrag", fragment, {"If-Match": self._etag})
        if response.status != 204:
            raise RuntimeError(f"PATCH gave {response.status}, not 204")

    def close(self):
        """Ends the session."""
        _send("DELETE", self.url, None, None, {})


def _send(method, url, media_type, body, headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    if body is not None:
        request.data = body.encode()
        request.add_header("Content-Type", media_type)
    try:
        return _opener.open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} gave {error.code}: {error.read().decode()}") from None
