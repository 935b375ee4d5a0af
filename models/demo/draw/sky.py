"""The sky: gradient, glow, aurora, stars, sun and moon, clouds; and the weather in front of everything."""

import math

import numpy as np
from PIL import Image, ImageDraw

from .canvas import SIZE, W, Canvas
from .palette import ints, mix

_Y = (np.arange(SIZE, dtype=np.float32)[:, None] + 0.5) / SIZE
_X = (np.arange(SIZE, dtype=np.float32)[None, :] + 0.5) / SIZE
CLOUDS = {
    "dawn": ((214, 170, 196), (255, 234, 226)), "day": ((206, 222, 240), (255, 255, 255)),
    "sunset": ((150, 74, 116), (255, 178, 122)), "dusk": ((78, 58, 120), (198, 130, 164)),
    "night": ((28, 38, 80), (70, 86, 136)), "aurora": ((22, 36, 64), (50, 76, 104)),
}


def paint_sky(c: Canvas) -> None:
    """Everything above the horizon that is not an object."""
    c.show(_gradient(c))
    if c.scene.stars:
        _stars(c)
    _body(c)
    if c.scene.weather in ("clouds", "rain", "snow"):
        _clouds(c)


def _gradient(c: Canvas) -> Image.Image:
    rng, light = c.rng, c.light
    t = np.clip(_Y / (c.horizon / W), 0, 1)
    bend = rng.uniform(0.52, 0.64)
    low, high = np.clip(t / bend, 0, 1), np.clip((t - bend) / (1 - bend), 0, 1)
    top, middle, horizon = (np.array(x, np.float32) for x in (light.top, light.middle, light.horizon))
    sky = top + (middle - top) * low[..., None] + (horizon - middle) * high[..., None]
    sky = np.broadcast_to(sky, (SIZE, SIZE, 3)).copy()
    if c.scene.body != "none":
        far = (_X - c.body_x / W) ** 2 + (_Y - c.body_y / W) ** 2
        wide = c.scene.time in ("dawn", "sunset")
        glow = np.exp(-far * (10 if wide else 26)) * (0.7 if wide else 0.45 if c.scene.body == "sun" else 0.26)
        sky += (np.array(light.glow, np.float32) - sky) * glow[..., None]
    if c.scene.time == "aurora":
        _aurora(c, sky)
    return Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8)).resize((W, W), Image.Resampling.BILINEAR)


def _aurora(c: Canvas, sky: np.ndarray) -> None:
    """Two or three curtains: sharp below, fading upwards from green to another colour."""
    rng = c.rng
    green = np.array(rng.choice(((60, 255, 150), (90, 250, 190), (120, 255, 120))), np.float32)
    other = np.array(rng.choice(((160, 90, 255), (255, 90, 200), (80, 130, 255))), np.float32)
    for _ in range(rng.choice((2, 3))):
        y, swing, f, phase = rng.uniform(0.2, 0.42), rng.uniform(0.04, 0.09), rng.uniform(0.6, 1.3), rng.uniform(0, math.tau)
        above = y + swing * np.sin(math.tau * f * _X + phase) - _Y
        strength = np.where(above > 0, np.exp(-np.clip(above, 0, 1) * rng.uniform(7, 10)), np.exp(np.minimum(above, 0) * 50))
        colour = green + (other - green) * np.clip(above * 4, 0, 1)[..., None]
        sky += (colour - sky) * (strength * rng.uniform(0.6, 0.8))[..., None]


def _stars(c: Canvas) -> None:
    rng = c.rng
    for _ in range(rng.randint(12, 22)):
        x, y, r = rng.uniform(4, W - 4), rng.uniform(4, c.horizon * 0.8), rng.choice((1.6, 2.0, 2.6))
        c.disc(x, y, r, (250, 250, 255))


def _body(c: Canvas) -> None:
    x, y, body = c.body_x, c.body_y, c.scene.body
    if body == "sun":
        colour = {"sunset": (255, 240, 178), "dawn": (255, 248, 220)}.get(c.scene.time, (255, 246, 190))
        c.disc(x, y, W * c.rng.uniform(0.075, 0.095), colour)
    elif body == "full moon":
        r = W * c.rng.uniform(0.07, 0.085)
        c.disc(x, y, r, (244, 244, 224))
        for dx, dy, q in ((-0.3, -0.2, 0.24), (0.28, 0.32, 0.28)):
            c.disc(x + dx * r, y + dy * r, q * r, (218, 218, 202))
    elif body == "crescent moon":
        r, side = W * c.rng.uniform(0.075, 0.09), c.rng.choice((-1, 1))
        mask = Image.new("L", (W, W), 0)
        pen = ImageDraw.Draw(mask)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
        x2, y2 = x + side * r * 0.55, y - r * 0.15
        pen.ellipse((x2 - r, y2 - r, x2 + r, y2 + r), fill=0)
        c.image.paste((250, 246, 216), mask=mask)


def _clouds(c: Canvas) -> None:
    rng = c.rng
    low, high = CLOUDS[c.scene.time]
    if c.scene.weather != "clouds":
        grey = (78, 88, 106) if c.scene.weather == "rain" else (186, 196, 212)
        if c.scene.dark:
            grey = tuple(v * 0.45 for v in grey)
        low, high = mix(low, grey, 0.6), mix(high, grey, 0.5)
    columns = rng.sample((0.12, 0.38, 0.64, 0.9), rng.randint(3, 4) if c.scene.weather != "clouds" else rng.randint(2, 3))
    for column in columns:
        x, y, r = column * W + rng.uniform(-14, 14), rng.uniform(0.16, 0.55) * c.horizon, rng.uniform(0.055, 0.085) * W
        puffs = [(-1.5, 0.1, 0.75), (-0.6, -0.45, 1.0), (0.5, -0.3, 0.95), (1.5, 0.12, 0.7), (0.0, 0.15, 1.0)]
        for colour, lift in ((low, 0.22), (high, 0.0)):
            for dx, dy, q in puffs:
                c.disc(x + dx * r, y + (dy + lift) * r, q * r, colour)


def paint_weather(c: Canvas) -> None:
    """Rain, snowflakes and fog, in front of everything."""
    rng, weather = c.rng, c.scene.weather
    if weather == "rain":
        colour, slant = mix(c.light.horizon, (226, 234, 246), 0.6), rng.uniform(-0.3, 0.3)
        for k in range(26):
            x, y = (k % 6 + rng.uniform(0, 1)) / 6 * W, (k // 6 + rng.uniform(0, 1)) / 5 * W
            c.line([(x, y), (x + 30 * slant, y + 30)], colour, 3)
    elif weather == "snow":
        for k in range(42):
            x, y = (k % 7 + rng.uniform(0, 1)) / 7 * W, (k // 7 + rng.uniform(0, 1)) / 6 * W
            c.disc(x, y, rng.choice((2.6, 3.4, 4.2)), (252, 253, 255))
    elif weather == "fog":
        height, width = c.horizon / W + 0.06, rng.uniform(0.16, 0.24)
        alpha = np.exp(-(((_Y - height) / width) ** 2)) * 0.82 + 0.08
        colour = mix(c.light.horizon, (104, 112, 140) if c.scene.dark else (232, 235, 240), 0.6)
        c.blend(ints(colour), np.broadcast_to(alpha, (SIZE, SIZE)))
