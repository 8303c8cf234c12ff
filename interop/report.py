"""What a driver tells the runner: lines of JSON on standard output."""

import json
import signal
import sys
import time

import numpy

import picture

_PATIENCE = 40  # seconds


def say(**what):
    """Writes a line."""
    print(json.dumps(what), flush=True)


class Report:
    """Collects what a player decodes, until it is enough. Its fields are those of Report in page_picture.mjs."""

    def __init__(self, frames, member=None):
        """Member, if any, is the player's Talk."""
        signal.signal(signal.SIGALRM, self._late)
        signal.alarm(_PATIENCE)
        self._wanted = frames
        self._began = time.monotonic()
        self._first = 0.0
        self._numbers = []
        self._errors = []
        self._damaged = 0
        self._sound = []
        self._rate = 0
        self._member = member

    def see(self, rgb):
        """Takes a decoded frame, height x width x RGB."""
        if self.shown():
            return
        self._first = self._first or time.monotonic() - self._began
        number, error = picture.read(rgb)
        if number is None:
            self._damaged += 1
            return
        self._numbers.append(number)
        self._errors.append(error)

    def hear(self, samples, rate):
        """Takes decoded sound of one channel, from -1 to 1."""
        self._sound.append(samples)
        self._rate = rate

    def complete(self):
        """Tells whether enough was seen, with a second of sound; and all was said."""
        return self.shown() and (self._member is None or self._member.complete())

    def shown(self):
        """Tells whether enough was seen, with a second of sound."""
        heard = sum(len(s) for s in self._sound)
        return len(self._numbers) >= self._wanted and bool(heard) and heard >= self._rate

    def say(self):
        """Writes the report."""
        rising = all(a < b for a, b in zip(self._numbers, self._numbers[1:]))
        sound = numpy.concatenate(self._sound or [numpy.zeros(1)])[-self._rate :]
        periods = numpy.diff(numpy.flatnonzero(numpy.diff(numpy.sign(sound)) > 0))
        say(
            first=round(self._first * 1000),
            frames=len(self._numbers),
            numbers=[self._numbers[0], self._numbers[-1]] if self._numbers else [],
            rising=rising,
            damaged=self._damaged,
            error=round(float(numpy.mean(self._errors)), 1) if self._errors else None,
            loudness=round(float(numpy.sqrt((sound**2).mean())), 3),
            pitch=round(self._rate / numpy.median(periods)) if periods.size else 0,  # whatever was lost in between
            talk=self._member and self._member.report(),
        )

    def _late(self, *_):
        self.say()
        sys.exit()


def until_told():
    """Returns when the runner closes our standard input: it is done with us, or gone."""
    sys.stdin.read()
