"""The places: what lies below the sky. Every painter returns the line things stand on, as a function of x."""

import math

from PIL import Image

from . import objects
from .canvas import W, Canvas
from .palette import GRASS, LAMP, Colour, ints, jitter, mix, shade, times


def paint_ground(c: Canvas):
    """Paints the scene's place."""
    return _PAINTERS[c.scene.place](c)


def _grass(c: Canvas) -> Colour:
    return jitter(c.rng, GRASS[c.scene.season], 7)


def _peak(c: Canvas, x: float, height: float, rock: Colour, distance: float, snow: float) -> None:
    """A mountain with a light and a dark side and, for `snow` > 0, a cap over that share of its height."""
    rng, base = c.rng, c.horizon + 8
    top, half = base - height, height * rng.uniform(0.85, 1.1)
    lean = x + rng.uniform(-0.1, 0.1) * half
    left, right = c.lit(rock, distance), shade(c.lit(rock, distance), 0.26)
    if c.body_x > x:
        left, right = right, left
    c.polygon([(x, top), (x - half, base), (lean, base)], left)
    c.polygon([(x, top), (x + half, base), (lean, base)], right)
    if snow > 0:
        white, blue = c.lit((252, 253, 255), distance * 0.5), c.lit((198, 212, 236), distance * 0.5)
        if c.body_x > x:
            white, blue = blue, white
        y = top + height * snow
        mid = x + (lean - x) * snow
        for side, colour in ((-1, white), (1, blue)):
            edge = x + side * half * snow
            zig = [(edge + (mid - edge) * i / 4, y + (9 if i % 2 else -9)) for i in range(1, 4)]
            c.polygon([(x, top), (edge, y), *zig, (mid, y)], colour)


def _mountains(c: Canvas):
    rng, scene = c.rng, c.scene
    rock = rng.choice(((112, 116, 140), (132, 114, 112), (98, 114, 148)))
    count = rng.choice((2, 3, 3))
    snow = 0.0 if scene.season == "green" and rng.random() < 0.3 else rng.uniform(0.34, 0.5)
    places = [((i + 0.5) / count + rng.uniform(-0.06, 0.06), rng.uniform(0.28, 0.42)) for i in range(count)]
    for i, (x, height) in enumerate(sorted(places, key=lambda p: p[1])):
        _peak(c, x * W, height * W, rock, 0.34 - 0.24 * i / count, snow)
    grass = _grass(c)
    c.ridge(c.horizon + 4, W * 0.015, c.lit(times(grass, (0.72, 0.80, 0.74)), 0.2))
    if scene.variant == "lake":
        _water(c, c.horizon + W * 0.045)
        return c.ridge(W * rng.uniform(0.85, 0.89), W * 0.025, c.lit(grass))
    return c.ridge(W * rng.uniform(0.72, 0.78), W * 0.03, c.lit(grass))


def _water(c: Canvas, y: float, mirror: bool = True) -> None:
    """Water from y down, mirroring what is above it, with a few highlights and the path of sun or moon."""
    rng, top = c.rng, int(y)
    height = W - top
    colour = c.lit(rng.choice(((64, 132, 190), (56, 142, 180), (74, 134, 204))), 0.2)
    above = c.image.crop((0, max(0, top - height), W, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((W, height))
    c.image.paste(Image.blend(above, Image.new("RGB", (W, height), ints(colour)), 0.5 if mirror else 0.76), (0, top))
    bright = mix(colour, c.light.horizon, 0.5)
    for k in range(8):
        py, length = top + height * ((k + rng.uniform(0.1, 0.9)) / 8), rng.uniform(18, 44)
        x = rng.uniform(0, W - length)
        c.line([(x, py), (x + length, py)], bright, 3)
    if c.scene.body != "none":
        for k in range(7):
            py = top + 5 + height * k / 8
            length = (7 + 16 * k / 7) * rng.uniform(0.7, 1.2)
            c.line([(c.body_x - length, py), (c.body_x + length, py)], mix(c.light.glow, colour, 0.12), 4)


def _hills(c: Canvas):
    rng, grass = c.rng, _grass(c)
    line = None
    for i in range(3):
        y = c.horizon + (W * 0.84 - c.horizon) * i / 2
        tone = (0.84, 0.88, 0.90) if i % 2 else (0.94, 1.0, 0.90)
        line = c.ridge(y, W * (0.035 + 0.012 * i), c.lit(times(grass, tone), max(0.0, 0.4 - 0.2 * i)))
    if c.scene.variant == "river":
        x, phase, left, right = (W - c.focus) * 0.6 + 0.2 * W, rng.uniform(0, 6), [], []
        for k in range(15):
            t = k / 14
            y, width = c.horizon + 14 + (W - c.horizon) * t, 5 + 46 * t * t
            middle = x + math.sin(phase + t * 4) * W * 0.13 * (0.3 + t)
            left.append((middle - width, y))
            right.append((middle + width, y))
        c.polygon(left + right[::-1], mix(c.lit((84, 156, 214)), c.light.horizon, 0.2))
    elif c.scene.variant == "flowers":
        colours = rng.sample(((240, 84, 96), (252, 214, 84), (196, 116, 224), (252, 252, 252), (244, 136, 190)), 2)
        for k in range(44):
            x, y = (k % 11 + rng.uniform(0, 1)) / 11 * W, W * (0.80 + 0.2 * (k // 11 + rng.uniform(0, 1)) / 4)
            c.disc(x, y, 2.4 + 3.4 * (y / W - 0.8) * 5, c.lit(rng.choice(colours)))
    return lambda x: line(x) + 8


def _desert(c: Canvas):
    rng = c.rng
    sand = jitter(rng, rng.choice(((240, 198, 126), (234, 180, 108), (230, 158, 100))), 5)
    if c.scene.variant == "mesas":
        for x in rng.sample((0.14, 0.4, 0.64, 0.88), rng.randint(2, 3)):
            x, w, h = (x + rng.uniform(-0.05, 0.05)) * W, rng.uniform(0.09, 0.15) * W, rng.uniform(0.16, 0.28) * W
            y, rock = c.horizon + 8, c.lit((190, 96, 66), rng.uniform(0.1, 0.3))
            c.polygon([(x - w * 1.3, y), (x - w, y - h), (x + w, y - h), (x + w * 1.3, y)], rock)
            c.polygon([(x + w * 0.3, y), (x + w * 0.3, y - h), (x + w, y - h), (x + w * 1.3, y)], shade(rock))
    elif c.scene.variant == "pyramids":
        for x in rng.choice(((0.5,), (0.28, 0.72), (0.3, 0.74))):
            x, h = (x + rng.uniform(-0.07, 0.07)) * W, rng.uniform(0.2, 0.32) * W
            y, stone = c.horizon + 8, c.lit(times(sand, (0.95, 0.90, 0.84)), 0.1)
            c.polygon([(x - h * 0.9, y), (x, y - h), (x + h * 0.9, y)], stone)
            c.polygon([(x + h * 0.25, y), (x, y - h), (x + h * 0.9, y)], shade(stone, 0.34))
    line = None
    for i in range(3):
        y = c.horizon + (W * 0.80 - c.horizon) * i / 2 + 4
        line = c.ridge(y, W * (0.02 + 0.018 * i), c.lit(times(sand, (0.86 + 0.07 * i,) * 3), 0.26 - 0.12 * i))
    return lambda x: line(x) + 10


def _sea(c: Canvas):
    rng = c.rng
    _water(c, c.horizon, mirror=False)
    if c.scene.variant == "island":
        x, w, y = c.focus, rng.uniform(0.22, 0.28) * W, c.horizon + W * 0.09
        c.disc(x, y, w, c.lit((236, 210, 148)), ry=W * 0.045)
        c.disc(x, y - W * 0.02, w * 0.78, c.lit((92, 158, 84)), ry=W * 0.038)
        return lambda _: y - W * 0.02
    if c.scene.variant == "cliff":
        side = 1 if c.focus < W / 2 else -1
        edge = 0.0 if side > 0 else float(W)
        c.focus = edge + side * W * 0.25
        top = c.horizon - W * rng.uniform(0.02, 0.08)
        outline = [(-0.05, 1.05), (-0.05, top / W), (0.40, top / W), (0.46, top / W + 0.10), (0.43, top / W + 0.22), (0.52, 1.05)]
        c.polygon([(edge + side * x * W, y * W) for x, y in outline], c.lit((138, 112, 98)))
        turf = [(-0.05, top / W + 0.06), (-0.05, top / W - 0.02), (0.40, top / W - 0.01), (0.46, top / W + 0.10), (0.34, top / W + 0.05)]
        c.polygon([(edge + side * x * W, y * W) for x, y in turf], c.lit((104, 162, 84)))
        return lambda _: top + 4
    return lambda _: W * 0.78


def _beach(c: Canvas):
    y = W * c.rng.uniform(0.74, 0.80)
    _water(c, c.horizon, mirror=False)
    c.ridge(y - 8, W * 0.02, c.lit((242, 250, 253), 0.1), waves=1)
    line = c.ridge(y, W * 0.02, c.lit((242, 216, 160)), waves=1)
    return lambda x: line(x) + W * 0.10


def _houses(c: Canvas, distance: float, tallest: float, windows: bool) -> None:
    rng, x = c.rng, -c.rng.uniform(0, 0.08) * W
    while x < W:
        w, h = rng.uniform(0.11, 0.16) * W, rng.uniform(0.5, 1.0) * tallest
        wall = c.lit(rng.choice(((104, 116, 146), (132, 122, 134), (92, 108, 134), (146, 130, 124))), distance)
        y = c.horizon + 6
        c.box(x, y - h, x + w, y, wall)
        if rng.random() < 0.25:
            c.polygon([(x, y - h), (x + w / 2, y - h - w * 0.6), (x + w, y - h)], wall)
        if windows:
            lamp = LAMP if c.scene.dark or c.scene.time == "sunset" else mix(wall, (224, 240, 250), 0.6)
            columns = 2 if w < 0.135 * W else 3
            for row in range(int((h - 8) / 15)):
                for column in range(columns):
                    if rng.random() < 0.7:
                        wx, wy = x + w * (column + 0.5) / columns, y - h + 8 + 15 * row
                        c.box(wx - 3, wy, wx + 3, wy + 7, lamp)
        x += w + rng.uniform(0, 5)


def _city(c: Canvas):
    _houses(c, 0.46, 0.44 * W, windows=False)
    _houses(c, 0.08, 0.34 * W, windows=True)
    y = c.horizon + 6
    if c.scene.variant == "river":
        c.box(0, y, W, y + 8, c.lit((112, 112, 124)))
        _water(c, y + 8)
        return lambda _: W * 0.86
    if c.scene.variant == "park":
        line = c.ridge(y + 4, W * 0.015, c.lit(_grass(c)))
        return lambda x: line(x) + W * 0.26
    road = c.lit((84, 88, 102))
    c.box(0, y, W, W, c.lit((128, 132, 138)))
    c.polygon([(W * 0.44, y), (W * 0.56, y), (W * 0.92, W), (W * 0.08, W)], road)
    for k in range(4):
        t = (k + 0.3) / 4
        py, half = y + (W - y) * t * t, 1.5 + 4 * t
        c.box(W / 2 - half, py, W / 2 + half, py + 4 + 14 * t, c.lit((248, 226, 140)))
    return lambda _: W * 0.86


def _forest(c: Canvas):
    rng, grass = c.rng, _grass(c)
    paint = objects.tree if c.scene.variant == "leafy" else objects.pine
    c.ridge(c.horizon, W * 0.02, c.lit(times(grass, (0.6, 0.72, 0.62)), 0.4))
    for row, (count, height, distance) in enumerate(((9, 0.24, 0.42), (7, 0.33, 0.14))):
        y = c.horizon + W * (0.03 + 0.09 * row)
        c.ridge(y, W * 0.01, c.lit(times(grass, (0.72, 0.80, 0.72)), distance))
        for k in range(count):
            x = (k + 0.5 + rng.uniform(-0.25, 0.25)) / count * W
            paint(c, x, y + 8, height * rng.uniform(0.85, 1.15) * W, distance)
    if c.scene.variant == "lake":
        c.ridge(W * 0.72, W * 0.01, c.lit(grass))
        _water(c, W * 0.76)
        return c.ridge(W * 0.90, W * 0.02, c.lit(grass))
    line = c.ridge(W * 0.76, W * 0.02, c.lit(grass))
    return lambda x: line(x) + W * 0.10


_PAINTERS = {"mountains": _mountains, "hills": _hills, "desert": _desert, "sea": _sea, "beach": _beach,
             "city": _city, "forest": _forest}
