"""Paints a scene: sky, ground, objects, weather, and the style over all of it."""

import random

from PIL import Image

from ..scene import IN_THE_SKY, Scene, sample
from .canvas import W, Canvas
from .ground import paint_ground
from .objects import HEIGHTS, PAINTERS
from .sky import paint_sky, paint_weather
from .styles import stylize
from .subjects import SUBJECTS


def paint(scene: Scene, rng: random.Random) -> Image.Image:
    """The picture of a scene, 128 x 128. The same scene and generator state give the same picture."""
    canvas = Canvas(scene, rng)
    paint_sky(canvas)
    if "rainbow" in scene.objects:
        PAINTERS["rainbow"](canvas, W / 2 + rng.uniform(-0.08, 0.08) * W, canvas.horizon + 4, W * rng.uniform(0.40, 0.48))
    line = paint_ground(canvas)
    for place, kind in reversed(list(enumerate(scene.objects))):
        if kind != "rainbow":
            _object(canvas, kind, line, large=place == 0 and not scene.subject)
    if scene.subject:
        height = W * rng.uniform(0.46, 0.54)
        SUBJECTS[scene.subject](canvas, canvas.focus, min(W * 0.96, max(line(canvas.focus), W * 0.84)), height)
    paint_weather(canvas)
    picture = canvas.finished()
    return stylize(picture, scene.style, rng) if scene.style else picture


def _object(c: Canvas, kind: str, line, large: bool) -> None:
    rng = c.rng
    height = HEIGHTS[kind] * W * rng.uniform(0.9, 1.1) * (1.0 if large else 0.62)
    # An island and a cliff have their own place: what stands on them stands there, boats keep to the other side.
    land = c.scene.variant in ("island", "cliff")
    if kind in IN_THE_SKY:
        x = c.focus if large else W - c.focus + rng.uniform(-0.04, 0.04) * W
        x = min(max(x, W * 0.22), W * 0.78)
        y = height + W * rng.uniform(0.04, 0.10) if kind == "balloon" else W * rng.uniform(0.24, 0.34)
    elif kind == "sailboat":
        x = W - c.focus if land and len(c.scene.objects) > 1 or not large else c.focus
        if c.scene.variant == "cliff":
            x = W - c.focus
        low = c.horizon + W * (0.10 if large else 0.06)
        x, y = min(max(x, W * 0.24), W * 0.76), min(low + W * rng.uniform(0.0, 0.08), W * 0.82)
        if c.scene.place == "beach":
            y = c.horizon + W * 0.08
            height *= 0.75
    else:
        x = c.focus if large or land else W - c.focus
        if land:
            height *= 0.8
        y = min(line(x) + 2, W * 0.96)
    PAINTERS[kind](c, x, y, height)


def picture(seed: int, style: str = "", subject: str = "") -> tuple[Image.Image, Scene]:
    """The picture number `seed` and what is in it."""
    from ..scene import with_style, with_subject

    rng = random.Random(seed)
    scene = sample(rng)
    scene = with_subject(scene, subject) if subject else scene
    scene = with_style(scene, style) if style else scene
    return paint(scene, rng), scene
