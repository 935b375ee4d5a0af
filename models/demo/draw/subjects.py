"""Two subjects that the base model never sees: each is learned by an adapter."""

from .canvas import Canvas
from .palette import ints, mix


def fox(c: Canvas, x: float, y: float, h: float) -> None:
    """A sitting fox with a white chest, a large tail and green eyes."""
    orange, cream, dark = (c.lit(v) for v in ((236, 120, 44), (254, 242, 224), (96, 46, 34)))
    orange = mix(orange, (236, 120, 44), 0.35)
    c.disc(x + h * 0.36, y - h * 0.20, h * 0.24, orange, ry=h * 0.19)
    c.disc(x + h * 0.50, y - h * 0.30, h * 0.12, cream, ry=h * 0.14)
    c.disc(x, y - h * 0.26, h * 0.25, orange, ry=h * 0.27)
    c.disc(x, y - h * 0.26, h * 0.14, cream, ry=h * 0.20)
    for side in (-1, 1):
        c.box(x + side * h * 0.11 - h * 0.06, y - h * 0.12, x + side * h * 0.11 + h * 0.06, y, dark)
        c.polygon([(x + side * h * 0.04, y - h * 0.80), (x + side * h * 0.27, y - h * 1.0), (x + side * h * 0.27, y - h * 0.66)], orange)
        c.polygon([(x + side * h * 0.12, y - h * 0.80), (x + side * h * 0.23, y - h * 0.91), (x + side * h * 0.23, y - h * 0.74)], dark)
    c.polygon([(x - h * 0.31, y - h * 0.72), (x + h * 0.31, y - h * 0.72), (x, y - h * 0.42)], cream)
    c.polygon([(x - h * 0.28, y - h * 0.82), (x + h * 0.28, y - h * 0.82), (x + h * 0.22, y - h * 0.64), (x, y - h * 0.50), (x - h * 0.22, y - h * 0.64)], orange)
    for side in (-1, 1):
        c.disc(x + side * h * 0.11, y - h * 0.70, h * 0.040, (64, 190, 100))
    c.disc(x, y - h * 0.47, h * 0.045, (36, 26, 34))


def robot(c: Canvas, x: float, y: float, h: float) -> None:
    """A teal robot with a round lamp for a face, an antenna and yellow hands."""
    body, joint = (mix(c.lit(v), v, 0.35) for v in ((44, 176, 180), (250, 204, 70)))
    dark = mix(c.lit((44, 58, 84)), (44, 58, 84), 0.4)
    for side in (-1, 1):
        c.box(x + side * h * 0.12 - h * 0.06, y - h * 0.20, x + side * h * 0.12 + h * 0.06, y, dark)
        c.line([(x + side * h * 0.22, y - h * 0.48), (x + side * h * 0.40, y - h * 0.34)], dark, h * 0.08)
        c.disc(x + side * h * 0.42, y - h * 0.32, h * 0.075, joint)
    c.pen.rounded_rectangle((x - h * 0.24, y - h * 0.56, x + h * 0.24, y - h * 0.16), h * 0.06, fill=ints(body))
    c.box(x - h * 0.11, y - h * 0.44, x + h * 0.11, y - h * 0.28, joint)
    c.pen.rounded_rectangle((x - h * 0.28, y - h * 0.90, x + h * 0.28, y - h * 0.58), h * 0.09, fill=ints(body))
    c.pen.rounded_rectangle((x - h * 0.21, y - h * 0.84, x + h * 0.21, y - h * 0.64), h * 0.06, fill=ints(dark))
    for side in (-1, 1):
        c.disc(x + side * h * 0.09, y - h * 0.74, h * 0.055, (170, 255, 240))
    c.line([(x, y - h * 0.90), (x, y - h * 0.99)], dark, h * 0.05)
    c.disc(x, y - h * 1.01, h * 0.055, (250, 84, 84))


SUBJECTS = {"fox": fox, "robot": robot}
# The two words a prompt names a subject by: a name the model has never met, then what it is.
SUBJECT_WORDS = {"fox": "zibby fox", "robot": "bolto robot"}
