"""The test picture: color bars, and the number of the frame in black and white. Whoever receives it can tell what was sent.

A picture has 4 rows. Two of them are 8 color bars; the third has the 16 bits of the number, the most significant first,
white for 1; the fourth has them inverted, so that a damaged number is not taken for another. page.mjs draws and reads the
same picture in a browser.
"""

import numpy

WIDTH, HEIGHT, RATE = 320, 240, 20

_BITS = 16
# Color bars that leave room for the noise.
_BARS = numpy.array([[r, g, b] for g in (191, 20) for r in (191, 20) for b in (191, 20)], dtype=numpy.uint8)
_NOISE = numpy.random.default_rng(1).integers(-20, 21, size=(HEIGHT, 2 * WIDTH, 1), dtype=numpy.int16)


def draw(number):
    """Gives the picture of a frame, the lower 16 bits of whose number it shows, as height x width x RGB.

    The bars have noise that moves, without which a frame would be a single small packet.
    """
    bits = numpy.array([number >> i & 1 for i in reversed(range(_BITS))], dtype=bool)
    bars = numpy.repeat(_BARS, WIDTH // len(_BARS), axis=0)
    gray = [numpy.repeat(row * numpy.uint8(255), 3 * WIDTH // _BITS).reshape(WIDTH, 3) for row in (bits, ~bits)]
    picture = numpy.repeat(numpy.stack([bars, bars, *gray]), HEIGHT // 4, axis=0)
    shift = number * 37 % WIDTH
    noisy = picture[: HEIGHT // 2] + _NOISE[: HEIGHT // 2, shift : shift + WIDTH]
    picture[: HEIGHT // 2] = noisy.clip(0, 255)
    return picture


def _cells(picture, row, count):
    """Gives the mean color of each cell of a row of 4, without its edges, which a codec blurs."""
    height, width = picture.shape[0] / 4, picture.shape[1] / count
    strip = picture[int((row + 0.25) * height) : int((row + 0.75) * height)]
    edges = [(int((i + 0.25) * width), int((i + 0.75) * width)) for i in range(count)]
    return numpy.array([strip[:, a:b].mean(axis=(0, 1)) for a, b in edges])


def read(picture):
    """Gives the number of a received picture, of any size, or None if it is damaged; and its error.

    The error is the mean difference from what was sent, in steps of 255.
    """
    bars = numpy.concatenate([_cells(picture, row, len(_BARS)) for row in (0, 1)])
    bits, inverse = _cells(picture, 2, _BITS), _cells(picture, 3, _BITS)
    ones = bits.mean(axis=1) > 127
    differences = [bars - numpy.tile(_BARS, (2, 1)), bits - 255 * ones[:, None], inverse - 255 * ~ones[:, None]]
    error = numpy.abs(numpy.concatenate(differences)).mean()
    if ((inverse.mean(axis=1) > 127) == ones).any():
        return None, error
    return int(sum(1 << i for i, one in enumerate(reversed(ones)) if one)), error
