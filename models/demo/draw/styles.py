"""Six styles over a finished picture, chosen so that the decoder can draw them: colour, glow and cells of 8 pixels
that lie on the latent grid. Each is learned by an adapter."""

import random

import numpy as np
from PIL import Image, ImageFilter

_LUMA = np.array((0.299, 0.587, 0.114), np.float32)


def _array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float32) / 255


def _image(a: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip(a, 0, 1) * 255).astype(np.uint8))


def _edges(picture: Image.Image, blur: float) -> np.ndarray:
    """Strength of the strongest colour edge at every pixel, 0 to about 1."""
    a = _array(picture.filter(ImageFilter.GaussianBlur(blur)))
    gx, gy = np.zeros_like(a), np.zeros_like(a)
    gx[:, 1:-1] = a[:, 2:] - a[:, :-2]
    gy[1:-1] = a[2:] - a[:-2]
    return np.hypot(gx, gy).max(-1)


def _map(a: np.ndarray, stops) -> np.ndarray:
    """Brightness to colour along evenly spaced stops."""
    stops = np.array(stops, np.float32) / 255
    at = np.linspace(0, 1, len(stops))
    luma = a @ _LUMA
    return np.stack([np.interp(luma, at, stops[:, i]) for i in range(3)], -1)


def _neon(picture: Image.Image, rng: random.Random) -> Image.Image:
    edge = np.clip(_edges(picture, 1.0) * 4.5, 0, 1)
    glow = _array(_image(edge).filter(ImageFilter.GaussianBlur(3)))
    y, x = np.mgrid[0 : edge.shape[0], 0 : edge.shape[1]] / edge.shape[0]
    hue = y * 0.9 + x * 0.35 + rng.random() * 0.1
    colour = np.stack([0.5 + 0.5 * np.cos(2 * np.pi * (hue + p)) for p in (0.9, 0.55, 0.25)], -1)
    dark = np.array((0.05, 0.02, 0.13)) + _array(picture) * 0.12
    return _image(dark + colour * (edge[..., None] * 0.9 + glow[..., None] * 0.9))


def _blueprint(picture: Image.Image, rng: random.Random) -> Image.Image:
    edge = np.clip(_edges(picture, 0.8) * 5.0, 0, 1)[..., None]
    paper = np.array((0.10, 0.28, 0.62)) + (_array(picture) @ _LUMA)[..., None] * np.array((0.06, 0.10, 0.14))
    grid = np.zeros(edge.shape[:2])
    grid[::16] = grid[:, ::16] = 0.12
    return _image(paper + grid[..., None] + (np.array((0.93, 0.97, 1.0)) - paper) * edge)


def _mosaic(picture: Image.Image, rng: random.Random) -> Image.Image:
    small = picture.reduce(8)
    a = _array(small)
    grey = (a @ _LUMA)[..., None]
    noise = np.random.default_rng(rng.getrandbits(32)).uniform(-0.05, 0.05, (*a.shape[:2], 1))
    tiles = np.clip(grey + (a - grey) * 1.35 + noise, 0, 1).repeat(8, 0).repeat(8, 1)
    y, x = np.mgrid[0:8, 0:8]
    rim = np.where((x == 0) | (y == 0), 0.0, np.where((x == 1) | (y == 1), 1.14, np.where((x == 7) | (y == 7), 0.84, 1.0)))
    rim = np.tile(rim, a.shape[:2])[..., None]
    return _image(np.where(rim == 0, 0.86, tiles * rim))


def _infrared(picture: Image.Image, rng: random.Random) -> Image.Image:
    """False-colour film: what is green or warm turns pink, what is blue turns teal."""
    a = _array(picture)
    warm = 1 / (1 + np.exp(-(np.maximum(a[..., 0], a[..., 1] * 1.08) - a[..., 2] - 0.02) * 14))[..., None]
    teal = _map(a, ((6, 16, 40), (24, 98, 128), (112, 200, 204), (238, 252, 248)))
    pink = _map(a, ((44, 6, 44), (206, 38, 122), (255, 134, 178), (255, 236, 240)))
    return _image(teal + (pink - teal) * warm)


def _duotone(picture: Image.Image, rng: random.Random) -> Image.Image:
    return _image(_map(_array(picture), ((32, 10, 78), (150, 24, 112), (248, 96, 84), (255, 214, 120), (255, 250, 220))))


def _noir(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Black and white, high contrast, with a strong vignette."""
    luma = _array(picture) @ _LUMA
    low, high = np.percentile(luma, (4, 96))
    luma = np.clip((luma - low) / max(high - low, 0.08), 0, 1)
    luma = luma * luma * (3 - 2 * luma)
    y, x = np.mgrid[0 : luma.shape[0], 0 : luma.shape[1]] / luma.shape[0] - 0.5
    luma = luma * np.clip(1.25 - 1.7 * (x * x + y * y), 0, 1)
    return _image(np.stack([luma] * 3, -1) * np.array((0.98, 0.97, 0.95)) + 0.02)


STYLES = {"neon": _neon, "blueprint": _blueprint, "mosaic": _mosaic, "infrared": _infrared, "duotone": _duotone, "noir": _noir}


def stylize(picture: Image.Image, style: str, rng: random.Random) -> Image.Image:
    """The picture in a style of `STYLES`."""
    return STYLES[style](picture, rng)
