"""The objects. Each painter takes the canvas, the middle of its foot (x, y), its height and how far away it is (0 to 1)."""

import math

from .canvas import W, Canvas
from .palette import LAMP, LEAVES, ints, jitter, mix, shade


def pine(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    needles = c.lit(jitter(c.rng, c.rng.choice(((36, 100, 72), (32, 90, 60), (48, 112, 68))), 5), distance)
    snow = c.lit((244, 248, 253), distance)
    c.box(x - h * 0.045, y - h * 0.16, x + h * 0.045, y, c.lit((92, 64, 44), distance))
    for i in range(3):
        base, w = y - h * (0.12 + 0.24 * i), h * (0.29 - 0.065 * i)
        top = base - h * 0.40
        c.polygon([(x, top), (x - w, base), (x + w, base)], needles)
        c.polygon([(x, top), (x + w * 0.1, base), (x + w, base)], shade(needles))
        if c.scene.season == "winter":
            cut = top + (base - top) * 0.5
            c.polygon([(x, top), (x - w * 0.5, cut), (x - w * 0.15, cut - 3), (x + w * 0.15, cut + 3), (x + w * 0.5, cut)], snow)


def tree(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    leaves = c.lit(jitter(c.rng, c.rng.choice(LEAVES[c.scene.season]), 6), distance)
    c.box(x - h * 0.055, y - h * 0.42, x + h * 0.055, y, c.lit((108, 74, 50), distance))
    for dx, dy, r, colour in ((-0.18, -0.50, 0.20, shade(leaves)), (0.19, -0.52, 0.20, shade(leaves)), (0.0, -0.70, 0.27, leaves),
                              (-0.13, -0.60, 0.17, leaves), (-0.08, -0.78, 0.12, mix(leaves, (255, 255, 226), 0.22))):
        c.disc(x + dx * h, y + dy * h, r * h, colour)


def palm(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    rng, lean = c.rng, c.rng.uniform(-0.22, 0.22) * h
    trunk = [(x + lean * (t / 6) ** 1.7, y - h * 0.86 * t / 6) for t in range(7)]
    c.line(trunk, c.lit((138, 96, 60), distance), max(4, h * 0.075))
    tx, ty = trunk[-1]
    green = c.lit(rng.choice(((52, 138, 70), (66, 152, 62))), distance)
    for k in range(7):
        angle, reach = math.pi * k / 6 + rng.uniform(-0.08, 0.08), h * rng.uniform(0.38, 0.44)
        ex, ey = tx - math.cos(angle) * reach, ty - math.sin(angle) * reach * 0.35 + reach * 0.30
        mx, my = tx - math.cos(angle) * reach * 0.55, ty - math.sin(angle) * reach * 0.5 - reach * 0.10
        c.polygon([(tx, ty), (mx, my - h * 0.05), (ex, ey), (mx, my + h * 0.06)], shade(green, 0.24 * (k % 2)))
    for dx in (-0.04, 0.04):
        c.disc(tx + dx * h, ty + h * 0.03, h * 0.035, c.lit((110, 70, 44), distance))


def cactus(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    green = c.lit(jitter(c.rng, (74, 142, 80), 7), distance)
    w = h * 0.17

    def limb(x0: float, y0: float, x1: float, y1: float, colour) -> None:
        box = (x + x0 * h - w / 2, y - y1 * h - w / 2, x + x1 * h + w / 2, y - y0 * h + w / 2)
        c.pen.rounded_rectangle(box, w / 2, fill=ints(colour))

    for x0, y0, x1, y1 in ((-0.30, 0.42, 0, 0.42), (-0.30, 0.42, -0.30, 0.70), (0, 0.30, 0.30, 0.30), (0.30, 0.30, 0.30, 0.60), (0, 0.0, 0, 0.92)):
        limb(x0, y0, x1, y1, green)
    c.box(x + w * 0.12, y - h * 0.88, x + w * 0.36, y, shade(green))


def cabin(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    rng, w = c.rng, h * 1.25
    wall = c.lit(rng.choice(((150, 100, 64), (168, 112, 70), (214, 190, 160))), distance)
    roof = c.lit((244, 248, 253) if c.scene.season == "winter" else rng.choice(((176, 66, 54), (108, 60, 52), (84, 74, 96))), distance)
    c.box(x + w * 0.22, y - h, x + w * 0.34, y - h * 0.6, shade(wall, 0.4))
    c.box(x - w * 0.44, y - h * 0.56, x + w * 0.44, y, wall)
    c.polygon([(x - w * 0.58, y - h * 0.52), (x, y - h), (x + w * 0.58, y - h * 0.52)], roof)
    window = LAMP if c.scene.dark or c.scene.time == "sunset" else c.lit((150, 204, 236), distance)
    for side in (-1, 1):
        c.box(x + side * w * 0.26 - w * 0.09, y - h * 0.42, x + side * w * 0.26 + w * 0.09, y - h * 0.20, window)
    c.box(x - w * 0.09, y - h * 0.36, x + w * 0.09, y, shade(wall, 0.6))


def windmill(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    wall = c.lit((246, 238, 222), distance)
    c.polygon([(x - h * 0.17, y), (x + h * 0.17, y), (x + h * 0.10, y - h * 0.62), (x - h * 0.10, y - h * 0.62)], wall)
    c.polygon([(x + h * 0.05, y), (x + h * 0.17, y), (x + h * 0.10, y - h * 0.62), (x + h * 0.03, y - h * 0.62)], shade(wall, 0.16))
    c.polygon([(x - h * 0.13, y - h * 0.60), (x, y - h * 0.78), (x + h * 0.13, y - h * 0.60)], c.lit((184, 76, 60), distance))
    c.box(x - h * 0.045, y - h * 0.17, x + h * 0.045, y, c.lit((110, 76, 52), distance))
    start, sail = c.rng.uniform(0.4, 1.17), c.lit((132, 92, 70), distance)
    hx, hy = x, y - h * 0.58
    for k in range(4):
        a = start + k * math.pi / 2
        ux, uy = math.cos(a) * h * 0.40, math.sin(a) * h * 0.40
        px, py = -math.sin(a) * h * 0.10, math.cos(a) * h * 0.10
        c.polygon([(hx + ux * 0.22, hy + uy * 0.22), (hx + ux, hy + uy), (hx + ux + px, hy + uy + py), (hx + ux * 0.22 + px, hy + uy * 0.22 + py)], sail)
        c.line([(hx, hy), (hx + ux, hy + uy)], shade(sail, 0.4), 4)


def castle(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    stone = c.lit(jitter(c.rng, (172, 166, 176), 6), distance)
    roof = c.lit(c.rng.choice(((196, 70, 70), (82, 96, 180))), distance)
    dark = LAMP if c.scene.dark else shade(stone, 0.65)
    c.box(x - h * 0.34, y - h * 0.42, x + h * 0.34, y, stone)
    for k in range(4):
        bx = x + (k - 1.5) * h * 0.17
        c.box(bx - h * 0.05, y - h * 0.50, bx + h * 0.05, y - h * 0.40, stone)
    for side, top in ((-1, 0.66), (1, 0.66), (0, 0.74)):
        tx, w = x + side * h * 0.36, h * (0.10 if side else 0.12)
        c.box(tx - w, y - h * top, tx + w, y - (0 if side else h * 0.4), shade(stone, 0.1))
        c.polygon([(tx - w * 1.3, y - h * top), (tx, y - h * (top + 0.26)), (tx + w * 1.3, y - h * top)], roof)
        c.box(tx - w * 0.3, y - h * (top - 0.10), tx + w * 0.3, y - h * (top - 0.20), dark)
    c.box(x - h * 0.09, y - h * 0.22, x + h * 0.09, y, shade(stone, 0.65))


def lighthouse(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    wide, narrow = h * 0.15, h * 0.09
    white, red = c.lit((250, 248, 244), distance), c.lit((214, 58, 54), distance)
    for i in range(4):
        a, b = i / 4, (i + 1) / 4
        wa, wb, ya, yb = wide + (narrow - wide) * a, wide + (narrow - wide) * b, y - h * 0.76 * a, y - h * 0.76 * b
        c.polygon([(x - wa, ya), (x + wa, ya), (x + wb, yb), (x - wb, yb)], red if i % 2 == 0 else white)
    if c.scene.dark:
        side = -1 if x > W / 2 else 1
        c.polygon([(x, y - h * 0.86), (x + side * W, y - h * 0.86 - W * 0.14), (x + side * W, y - h * 0.86 + W * 0.08)],
                  mix(c.light.middle, (255, 244, 180), 0.34))
    c.box(x - narrow * 1.4, y - h * 0.80, x + narrow * 1.4, y - h * 0.75, c.lit((64, 66, 80), distance))
    c.box(x - narrow * 0.8, y - h * 0.91, x + narrow * 0.8, y - h * 0.80, (255, 242, 150))
    c.polygon([(x - narrow * 1.2, y - h * 0.90), (x, y - h), (x + narrow * 1.2, y - h * 0.90)], red)


def tent(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    cloth, w = c.lit(c.rng.choice(((240, 124, 52), (226, 78, 70), (248, 196, 62))), distance), h * 0.95
    c.polygon([(x, y - h), (x - w, y), (x + w, y)], cloth)
    c.polygon([(x, y - h), (x + w * 0.36, y), (x + w, y)], shade(cloth, 0.26))
    c.polygon([(x, y - h * 0.78), (x - w * 0.26, y), (x + w * 0.2, y)], LAMP if c.scene.dark else shade(cloth, 0.66))


def sailboat(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    rng = c.rng
    hull = c.lit(rng.choice(((150, 82, 50), (206, 62, 56), (50, 76, 128))), distance)
    sail = c.lit(rng.choice(((254, 252, 246), (254, 252, 246), (246, 140, 70), (236, 92, 84))), distance)
    c.polygon([(x - h * 0.50, y - h * 0.18), (x + h * 0.52, y - h * 0.18), (x + h * 0.32, y + h * 0.04), (x - h * 0.34, y + h * 0.04)], hull)
    c.line([(x, y - h * 0.18), (x, y - h)], c.lit((92, 68, 54), distance), 4)
    c.polygon([(x + h * 0.04, y - h * 0.97), (x + h * 0.04, y - h * 0.24), (x + h * 0.48, y - h * 0.24)], sail)
    c.polygon([(x - h * 0.05, y - h * 0.86), (x - h * 0.05, y - h * 0.24), (x - h * 0.38, y - h * 0.24)], shade(sail, 0.14))


def balloon(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    """`y` is the bottom of the basket."""
    first, second = c.rng.choice((((232, 66, 60), (254, 218, 92)), ((68, 126, 220), (252, 252, 252)),
                                  ((246, 142, 50), (138, 66, 160)), ((60, 176, 128), (254, 234, 142))))
    a, b = (mix(c.lit(v, distance), v, 0.5) for v in (first, second))
    r, cy = h * 0.34, y - h * 0.66
    c.polygon([(x - r * 0.82, cy + r * 0.56), (x + r * 0.82, cy + r * 0.56), (x + r * 0.22, cy + r * 1.42), (x - r * 0.22, cy + r * 1.42)], a)
    c.disc(x, cy, r, a)
    c.disc(x, cy, r * 0.64, b, ry=r)
    c.disc(x, cy, r * 0.26, a, ry=r)
    c.box(x - r * 0.26, y - h * 0.13, x + r * 0.26, y, c.lit((130, 88, 56), distance))


def birds(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    """Three to five birds around (x, y); `h` is the span of a wing pair."""
    colour = (188, 196, 220) if c.scene.dark else mix(c.lit((52, 50, 66), distance), (30, 28, 46), 0.4)
    spots = ((0, 0), (1.0, -0.6), (-1.1, -0.5), (0.2, -1.2), (-0.8, 0.8))
    for dx, dy in spots[: c.rng.randint(3, 5)]:
        bx, by, q = x + dx * h * 1.1, y + dy * h * 0.9, h * c.rng.uniform(0.42, 0.54)
        c.line([(bx - q, by - q * 0.3), (bx - q * 0.5, by - q * 0.62), (bx, by), (bx + q * 0.5, by - q * 0.62), (bx + q, by - q * 0.3)], colour, 5)


def camel(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    coat, side = c.lit(jitter(c.rng, (156, 104, 62), 6), distance), c.rng.choice((-1, 1))
    for dx in (-0.40, -0.26, 0.26, 0.40):
        c.line([(x + dx * h, y - h * 0.45), (x + dx * h, y)], shade(coat, 0.15), h * 0.09)
    c.disc(x, y - h * 0.50, h * 0.48, coat, ry=h * 0.17)
    c.disc(x - side * h * 0.05, y - h * 0.66, h * 0.17, coat, ry=h * 0.22)
    c.line([(x + side * h * 0.38, y - h * 0.50), (x + side * h * 0.56, y - h * 0.56), (x + side * h * 0.60, y - h * 0.88)], coat, h * 0.12)
    c.disc(x + side * h * 0.68, y - h * 0.90, h * 0.14, coat, ry=h * 0.085)
    c.box(x - side * h * 0.05 - h * 0.14, y - h * 0.62, x - side * h * 0.05 + h * 0.14, y - h * 0.40, c.lit((206, 60, 66), distance))


def umbrella(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    first = c.lit(c.rng.choice(((234, 70, 66), (70, 134, 226), (250, 176, 50))), distance)
    white = c.lit((252, 250, 246), distance)
    c.line([(x, y), (x, y - h * 0.6)], c.lit((126, 92, 70), distance), 5)
    for k, (r, colour) in enumerate(((0.56, first), (0.34, white), (0.13, first))):
        c.pen.pieslice((x - h * r, y - h, x + h * r, y - h * 0.16), 180, 360, fill=ints(colour))
    c.polygon([(x - h * 0.10, y - h * 0.04), (x + h * 0.52, y - h * 0.04), (x + h * 0.44, y + h * 0.06), (x - h * 0.18, y + h * 0.06)], first)


def snowman(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    snow = mix(c.lit((252, 253, 255), distance), (255, 255, 255), 0.25)
    edge = shade(snow, 0.2)
    for cy, r in ((0.22, 0.23), (0.54, 0.17)):
        c.disc(x + h * 0.02, y - h * cy, h * r, edge)
        c.disc(x - h * 0.01, y - h * cy, h * r * 0.94, snow)
    c.disc(x, y - h * 0.78, h * 0.13, snow)
    black = (40, 36, 48)
    for side in (-1, 1):
        c.disc(x + side * h * 0.05, y - h * 0.81, h * 0.022, black)
        c.line([(x + side * h * 0.15, y - h * 0.56), (x + side * h * 0.36, y - h * 0.68)], c.lit((104, 70, 46), distance), 5)
    c.polygon([(x, y - h * 0.79), (x, y - h * 0.74), (x + h * 0.16, y - h * 0.75)], (244, 130, 40))
    c.box(x - h * 0.16, y - h * 0.69, x + h * 0.16, y - h * 0.63, c.lit((216, 50, 60), distance))
    c.box(x - h * 0.16, y - h * 0.91, x + h * 0.16, y - h * 0.88, black)
    c.box(x - h * 0.10, y - h * 1.04, x + h * 0.10, y - h * 0.88, black)


def rainbow(c: Canvas, x: float, y: float, h: float, distance: float = 0.0) -> None:
    """An arc around (x, y) with outer radius `h`, blended into the sky."""
    bands = ((236, 80, 80), (250, 168, 70), (252, 232, 100), (110, 204, 120), (90, 150, 236), (150, 104, 214))
    for k, band in enumerate(bands):
        r = h - 6.5 * k
        colour = mix(mix(c.light.middle, c.light.horizon, 0.5), band, 0.72)
        c.pen.arc((x - r, y - r, x + r, y + r), 180, 360, fill=ints(colour), width=7)


# Height when it is the large thing of a picture, as a share of the picture.
HEIGHTS = {"pine": 0.50, "tree": 0.46, "palm": 0.52, "cactus": 0.42, "cabin": 0.34, "windmill": 0.46, "castle": 0.46,
           "lighthouse": 0.46, "tent": 0.26, "sailboat": 0.40, "balloon": 0.42, "birds": 0.15, "camel": 0.32,
           "umbrella": 0.38, "snowman": 0.42, "rainbow": 0.46}
PAINTERS = {"pine": pine, "tree": tree, "palm": palm, "cactus": cactus, "cabin": cabin, "windmill": windmill, "castle": castle,
            "lighthouse": lighthouse, "tent": tent, "sailboat": sailboat, "balloon": balloon, "birds": birds, "camel": camel,
            "umbrella": umbrella, "snowman": snowman, "rainbow": rainbow}
