"""Colours: one palette for each time of day, and small helpers on RGB triples (0 to 255, float)."""

import random
from dataclasses import dataclass

Colour = tuple[float, float, float]
BLACK: Colour = (0.0, 0.0, 0.0)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b in a."""
    return tuple(x + (y - x) * share for x, y in zip(a, b))


def times(a: Colour, b: Colour) -> Colour:
    """Product of two colours, channel by channel."""
    return tuple(x * y for x, y in zip(a, b))


def shade(c: Colour, share: float = 0.22) -> Colour:
    """The side of a thing that faces away from the light."""
    return mix(c, (20.0, 14.0, 36.0), share)


def ints(c: Colour) -> tuple[int, int, int]:
    """What PIL wants."""
    return tuple(max(0, min(255, round(x))) for x in c)


def jitter(rng: random.Random, c: Colour, amount: float = 8.0) -> Colour:
    """The same colour, a little lighter or darker."""
    k = rng.uniform(-amount, amount)
    return tuple(x + k + rng.uniform(-amount, amount) * 0.4 for x in c)


@dataclass(frozen=True)
class Light:
    """The sky from top to horizon, what the light does to things (a factor for each channel) and its own colour."""

    top: Colour
    middle: Colour
    horizon: Colour
    tint: Colour
    glow: Colour


LIGHTS = {
    "dawn": Light((104, 140, 208), (236, 180, 200), (255, 224, 178), (0.92, 0.82, 0.84), (255, 236, 200)),
    "day": Light((62, 142, 230), (126, 194, 248), (216, 242, 255), (1.0, 1.0, 1.0), (255, 250, 214)),
    "sunset": Light((84, 48, 132), (236, 96, 88), (255, 198, 88), (0.82, 0.58, 0.52), (255, 226, 130)),
    "dusk": Light((44, 38, 106), (126, 72, 156), (244, 150, 140), (0.62, 0.52, 0.72), (255, 214, 176)),
    "night": Light((10, 16, 52), (22, 40, 96), (54, 84, 142), (0.42, 0.48, 0.72), (244, 244, 220)),
    "aurora": Light((8, 14, 44), (14, 40, 72), (30, 80, 100), (0.38, 0.52, 0.60), (190, 255, 220)),
}
# What bad weather pulls the sky towards, by day and in the dark, and how far.
GREYS = {
    "rain": ((116, 128, 146), (38, 46, 66), 0.62),
    "snow": ((204, 214, 228), (74, 84, 118), 0.50),
    "fog": ((214, 218, 224), (92, 100, 128), 0.50),
}
GRASS = {"green": (104, 172, 78), "autumn": (206, 150, 66), "winter": (234, 240, 248)}
LEAVES = {
    "green": ((62, 142, 66), (92, 164, 62), (46, 124, 78)),
    "autumn": ((218, 98, 38), (232, 156, 46), (190, 62, 44)),
    "winter": ((214, 226, 240), (200, 214, 232), (226, 234, 244)),
}
LAMP: Colour = (255, 216, 112)


def light_of(rng: random.Random, time: str, weather: str, dark: bool) -> Light:
    """The palette of a time of day, changed by the weather, a little different in every picture."""
    light = LIGHTS[time]
    sky = [jitter(rng, c, 7) for c in (light.top, light.middle, light.horizon)]
    tint = light.tint
    if weather in GREYS:
        by_day, by_night, share = GREYS[weather]
        sky = [mix(c, by_night if dark else by_day, share) for c in sky]
        tint = tuple(t * (0.84 if weather == "rain" else 0.95) for t in tint)
    return Light(*sky, tint, light.glow)
