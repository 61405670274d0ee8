"""The picture of a message: a small pattern, the same left and right, in colours that its text decides."""

import hashlib
from colorsys import hls_to_rgb

SIZE = 5
"""Fields across and down."""


def draw(text: str) -> str:
    """Give an SVG of the text. Nothing of the text itself is in it: only figures made from its hash."""
    dice = hashlib.sha256(text.encode()).digest()
    colours = palette(dice)
    fields = []
    for row in range(SIZE):
        for column in range((SIZE + 1) // 2):
            value = dice[2 + row * 3 + column]
            if value % 2:
                for x in sorted({column, SIZE - 1 - column}):
                    colour = colours[1 + value // 2 % 3]
                    fields.append(f'<rect x="{x}" y="{row}" width="1" height="1" fill="{colour}"/>')
    ground = f'<rect x="-.5" y="-.5" width="6" height="6" fill="{colours[0]}"/>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-.5 -.5 6 6" shape-rendering="crispEdges" aria-hidden="true">'
        f"{ground}{''.join(fields)}</svg>"
    )


def palette(dice: bytes) -> list[str]:
    """A pale ground and three colours that go together, neighbours on the colour wheel."""
    hue = dice[0] / 256
    step = 0.06 + dice[1] / 256 * 0.08
    shades = [(hue, 0.92, 0.5), (hue, 0.45, 0.65), (hue + step, 0.55, 0.7), (hue - step, 0.35, 0.6)]
    return ["#" + "".join(f"{round(part * 255):02x}" for part in hls_to_rgb(h % 1, li, s)) for h, li, s in shades]
