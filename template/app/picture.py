"""The picture of a message: a small symmetric pattern, with colours derived from its text."""

import hashlib
from colorsys import hls_to_rgb

SIZE = 5
"""Fields per row and column."""


def draw(text: str) -> str:
    """Draw an SVG from the hash of the text. The text itself is not in it."""
    digest = hashlib.sha256(text.encode()).digest()
    colours = palette(digest)
    fields = []
    for row in range(SIZE):
        for column in range((SIZE + 1) // 2):
            value = digest[2 + row * 3 + column]
            if value % 2:
                for x in sorted({column, SIZE - 1 - column}):
                    colour = colours[1 + value // 2 % 3]
                    fields.append(f'<rect x="{x}" y="{row}" width="1" height="1" fill="{colour}"/>')
    background = f'<rect x="-.5" y="-.5" width="6" height="6" fill="{colours[0]}"/>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-.5 -.5 6 6" shape-rendering="crispEdges" aria-hidden="true">'
        f"{background}{''.join(fields)}</svg>"
    )


def palette(digest: bytes) -> list[str]:
    """A pale background and three neighbouring colours of the colour wheel."""
    hue = digest[0] / 256
    step = 0.06 + digest[1] / 256 * 0.08
    shades = [(hue, 0.92, 0.5), (hue, 0.45, 0.65), (hue + step, 0.55, 0.7), (hue - step, 0.35, 0.6)]
    return ["#" + "".join(f"{round(part * 255):02x}" for part in hls_to_rgb(h % 1, li, s)) for h, li, s in shades]
