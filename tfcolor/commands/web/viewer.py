"""The picture on the page: gray on the left of a movable line, coloured on the right, with dots for hints.

It is plain HTML, whose script tells Gradio where it was clicked. Keys move the line; hints may also be placed by
numbers, beside the picture.
"""

from html import escape

Hint = tuple[int, int, str]

CSS = """
.viewer { position: relative; line-height: 0; user-select: none; max-width: 100%; margin: 0 auto; }
.viewer img { width: 100%; height: auto; display: block; border-radius: 6px; }
.viewer .gray { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--split)) 0 0); }
.viewer .line { position: absolute; top: 0; bottom: 0; left: var(--split); width: 2px; background: #fff;
  box-shadow: 0 0 4px #0008; pointer-events: none; }
.viewer .dot { position: absolute; width: 16px; height: 16px; margin: -8px 0 0 -8px; border-radius: 50%;
  border: 2px solid #fff; box-shadow: 0 0 0 1px #000a; pointer-events: none; box-sizing: border-box; }
.viewer .dot.here { background: transparent; border-style: dashed; }
.viewer .surface { cursor: crosshair; position: relative; overflow: hidden; }
.viewer .compare { width: 100%; margin: 10px 0 0; height: 24px; accent-color: #2b6cb0; }
.empty { padding: 60px 20px; text-align: center; border: 2px dashed #8886; border-radius: 8px; }
"""

SCRIPT = """
const move = () => {
  const viewer = element.querySelector('.viewer');
  if (!viewer) return;
  const split = element.dataset.split || '0';
  viewer.style.setProperty('--split', split + '%');
  viewer.querySelector('.compare').value = split;
};
element.addEventListener('input', event => {
  if (event.target.classList.contains('compare')) { element.dataset.split = event.target.value; move(); }
});
element.addEventListener('click', event => {
  const surface = event.target.closest('.surface');
  if (!surface) return;
  const box = surface.getBoundingClientRect();
  const width = Number(surface.dataset.width), height = Number(surface.dataset.height);
  const x = Math.min(width - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * width)));
  const y = Math.min(height - 1, Math.max(0, Math.floor((event.clientY - box.top) / box.height * height)));
  trigger('select', {index: [x, y], value: x + ',' + y});
});
watch('value', move);
move();
"""

EMPTY = '<div class="empty">Your photograph will appear here.</div>'


def viewer(gray: str, colored: str, size: tuple[int, int], hints: list[Hint], here: tuple[int, int] | None) -> str:
    """Make the HTML.

    Args:
        gray, colored: addresses of the two pictures.
        size: width and height of the photograph in pixels.
        hints: places and colours, shown as dots.
        here: the chosen place, shown as an empty dot; None for none.
    """
    width, height = size
    dots = [(x, y, f"background: {escape(color)}", "dot") for x, y, color in hints]
    dots += [(*here, "", "dot here")] if here else []
    places = "".join(
        f'<span class="{name}" style="left: {(x + 0.5) / width:.4%}; top: {(y + 0.5) / height:.4%}; {style}"></span>'
        for x, y, style, name in dots
    )
    return (
        '<div class="viewer" style="--split: 0%">'
        f'<div class="surface" data-width="{width}" data-height="{height}">'
        f'<img class="colored" src="{colored}" alt="Your photograph in colour, with {len(hints)} hints">'
        f'<img class="gray" src="{gray}" alt="Your photograph in gray">'
        f'<div class="line"></div>{places}</div>'
        '<input type="range" class="compare" min="0" max="100" value="0" step="1" '
        'aria-label="Compare: how much of the gray photograph is shown, in per cent"></div>'
    )


SWATCH_CSS = """
.swatches { display: flex; flex-wrap: wrap; gap: 8px; }
.swatches button { width: 64px; height: 52px; border: 1px solid #0006; border-radius: 8px; cursor: pointer;
  font: 12px system-ui, sans-serif; display: flex; align-items: end; justify-content: center; padding: 0 0 4px; }
.swatches button span { background: #fffd; color: #111; border-radius: 4px; padding: 1px 5px; }
.swatches button:focus-visible { outline: 3px solid #2b6cb0; }
"""

SWATCH_SCRIPT = """
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (button) trigger('select', {index: 0, value: button.dataset.color});
});
"""


def swatches(suggestions: list[tuple[str, float]]) -> str:
    """Make buttons of suggested colours, '#2b4f81', with their probabilities."""
    buttons = "".join(
        f'<button type="button" data-color="{color}" style="background: {color}" '
        f'aria-label="{color}, probability {probability:.0%}"><span>{probability:.0%}</span></button>'
        for color, probability in suggestions
    )
    return f'<div class="swatches">{buttons}</div>' if buttons else ""
