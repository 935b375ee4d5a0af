"""The canvas: a square picture painted at twice its final size, and what every painter needs to know of the scene."""

import math
import random

import numpy as np
from PIL import Image, ImageDraw

from ..scene import Scene
from .palette import Colour, Light, ints, light_of, mix, times

SIZE = 128
SCALE = 2
W = SIZE * SCALE


class Canvas:
    """A picture in the making. Lengths are in pixels of the large canvas (`W` wide), y grows downwards."""

    def __init__(self, scene: Scene, rng: random.Random):
        self.scene = scene
        self.rng = rng
        self.light: Light = light_of(rng, scene.time, scene.weather, scene.dark)
        self.horizon = rng.uniform(0.54, 0.64) * W
        # Things stand in one third of the picture, sun or moon in another.
        several = len(scene.objects) + bool(scene.subject) > 1
        self.focus = (rng.choice((0.3, 0.7) if several else (0.3, 0.5, 0.7)) + rng.uniform(-0.03, 0.03)) * W
        side = 0.76 if self.focus < 0.4 * W else 0.24 if self.focus > 0.6 * W else rng.choice((0.2, 0.8))
        self.body_x = (side + rng.uniform(-0.06, 0.06)) * W
        low = scene.time in ("dawn", "sunset")
        self.body_y = self.horizon * (rng.uniform(0.66, 0.84) if low else rng.uniform(0.26, 0.42))
        self.image = Image.new("RGB", (W, W))
        self.pen = ImageDraw.Draw(self.image)

    def show(self, image: Image.Image) -> None:
        """Replaces the picture."""
        self.image = image
        self.pen = ImageDraw.Draw(image)

    def lit(self, c: Colour, distance: float = 0.0) -> Colour:
        """A colour in this picture's light, faded towards the horizon's colour by `distance` (0 to 1)."""
        return mix(times(c, self.light.tint), self.light.horizon, distance)

    def polygon(self, points, c: Colour) -> None:
        self.pen.polygon([(x, y) for x, y in points], fill=ints(c))

    def disc(self, x: float, y: float, r: float, c: Colour, ry: float | None = None) -> None:
        ry = r if ry is None else ry
        self.pen.ellipse((x - r, y - ry, x + r, y + ry), fill=ints(c))

    def box(self, x0: float, y0: float, x1: float, y1: float, c: Colour) -> None:
        self.pen.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), fill=ints(c))

    def line(self, points, c: Colour, width: float) -> None:
        self.pen.line([(x, y) for x, y in points], fill=ints(c), width=max(1, round(width)), joint="curve")

    def ridge(self, y: float, height: float, c: Colour, waves: int = 2, points: int = 33):
        """Ground from a wavy line down to the bottom. Returns the line as a function of x."""
        parts = [(self.rng.uniform(0.5, 1.1) * 2**k, self.rng.uniform(0, math.tau), 0.5**k) for k in range(waves)]

        def line(x: float) -> float:
            return y - height * 0.6 * sum(a * math.sin(f * math.tau * x / W + p) for f, p, a in parts)

        xs = [W * i / (points - 1) for i in range(points)]
        self.polygon([(0, W), *((x, line(x)) for x in xs), (W, W)], c)
        return line

    def blend(self, c: Colour, alpha: np.ndarray) -> None:
        """Lays a colour over the picture; `alpha` is square, any size, 0 to 1."""
        mask = Image.fromarray((np.clip(alpha, 0, 1) * 255).astype(np.uint8)).resize((W, W), Image.Resampling.BILINEAR)
        self.image.paste(ints(c), mask=mask)

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.reduce(SCALE)
