"""Contact sheets: pictures in rows with a line of text below each."""

import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont


def contact_sheet(pictures: list[Image.Image], texts: list[str], path: Path, columns: int = 8) -> None:
    """Writes one PNG, replacing an older one only when it is complete."""
    font, size, foot, gap = ImageFont.load_default(10), pictures[0].width, 40, 6
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (size + gap) + gap, rows * (size + foot + gap) + gap), (250, 250, 250))
    pen = ImageDraw.Draw(sheet)
    for i, (picture, text) in enumerate(zip(pictures, texts)):
        x, y = gap + i % columns * (size + gap), gap + i // columns * (size + foot + gap)
        sheet.paste(picture, (x, y))
        pen.text((x, y + size + 2), "\n".join(textwrap.wrap(text, int(size / 5.4))[:3]), fill=(20, 20, 20), font=font)
    part = path.with_suffix(".part.png")
    sheet.save(part)
    part.replace(path)
