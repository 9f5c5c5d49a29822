"""The page itself, made with Gradio. What it does with photographs is in `sessions`, with films in `film_tab`."""

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from tfcolor import DEFAULT_MODEL
from tfcolor.color.decoding_options import MOST_SMOOTHING, Decoding
from tfcolor.commands.web.film_tab import FilmTab
from tfcolor.commands.web.sessions import NUM_CANDIDATES, Session, Sessions, data_uri, safe_name, write_all
from tfcolor.commands.web.viewer import CSS, EMPTY, SCRIPT, SWATCH_CSS, SWATCH_SCRIPT, swatches, viewer
from tfcolor.models.directory import find_model, read_info
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.utils.errors import InputError, WorkError

_EXPECTED = (UnreadableImage, InputError, WorkError)  # mistakes whose messages are for the user
_FONTS = ("system-ui", "sans-serif")  # no font from outside
PAGE_CSS = """
footer { display: none !important; }
.gradio-container { max-width: 1280px !important; margin: 0 auto !important; }
@media (max-width: 700px) { .gradio-container { padding: 8px !important; } }
"""
_KEPT = (30, 300)  # seconds: how often Gradio looks for downloads to remove, and how old those are
_OPTIONS = ("--T", "--lambda", "--strength", "--chroma-smoothing")


class Page:
    """The components of the page, and what happens when they are used."""

    def __init__(self, sessions: Sessions, models: dict[str, str]):
        """Build the page.

        Args:
            sessions: what the visitors have open.
            models: descriptions of the models by name.
        """
        self._sessions, self._models = sessions, models
        with gr.Blocks(
            title="tfcolor: colour photographs and films", analytics_enabled=False, delete_cache=_KEPT
        ) as self.blocks:
            gr.Markdown("# Colour photographs and films\nColours are guesses. Where you know better, click and say so.")
            with gr.Tab("One photograph"), gr.Row():
                with gr.Column(scale=3, min_width=320):
                    self._build_picture()
                with gr.Column(scale=2, min_width=300):
                    self._build_choices()
            with gr.Tab("Many photographs"):
                self._build_batch()
            with gr.Tab("A short film"):
                self.film = FilmTab(sessions)
            self._connect()
            self.blocks.unload(self._end)

    def _build_picture(self) -> None:
        self.upload = gr.File(label="Drop a photograph here, or click", file_count="single", height=120)
        self.picture = gr.HTML(EMPTY, css_template=CSS, js_on_load=SCRIPT, elem_id="picture")
        self.make = gr.Button("Make the file", variant="primary", interactive=False)
        self.download = gr.File(label="The result, in the photograph's own format", interactive=False, visible=False)
        self.command = gr.Textbox(
            label="The same on the command line", interactive=False, lines=2, buttons=["copy"], elem_id="command"
        )

    def _build_choices(self) -> None:
        # From the start, or else the first picture could change under the visitor's eyes once the model is loaded.
        own = read_info(find_model(DEFAULT_MODEL)).decoding
        with gr.Accordion("Colours", open=True):
            self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength: 0 is gray")
            self.temperature = gr.Slider(0, 1, own.temperature, step=0.01, label="T: 0 decided, 1 smooth and dull")
            share = 1 if own.uniform_share is None else own.uniform_share
            self.share = gr.Slider(0, 1, share, step=0.01, label="Lambda: 0 rare colours more often, 1 as in life")
            self.smoothing = gr.Slider(0, 32, own.smoothing, step=1, label="Smoothing, in pixels of the photograph")
            self.model = gr.Dropdown(list(self._models), value=DEFAULT_MODEL, label="Model")
        with gr.Accordion("Hints: click the picture where you know the colour", open=True):
            with gr.Row():
                self.x = gr.Number(0, label="X", precision=0, minimum=0, min_width=70)
                self.y = gr.Number(0, label="Y", precision=0, minimum=0, min_width=70)
                self.color = gr.ColorPicker("#808080", label="Colour", min_width=70)
            self.suggestions = gr.HTML("", css_template=SWATCH_CSS, js_on_load=SWATCH_SCRIPT, elem_id="suggestions")
            with gr.Row():
                self.add = gr.Button("Add the hint", size="sm", min_width=90)
                self.undo = gr.Button("Undo", size="sm", min_width=60)
                self.clear = gr.Button("Clear", size="sm", min_width=60)
                self.best = gr.Button("Where next?", size="sm", min_width=90)
            self.list = gr.Markdown("No hints yet.")
        with gr.Accordion("Other colourings", open=False):
            self.find = gr.Button(f"Find {NUM_CANDIDATES} candidates", size="sm")
            self.choices = gr.HTML("", elem_id="candidates")
            names = ["with hints", *(f"candidate {k}" for k in range(1, NUM_CANDIDATES + 1))]
            self.candidate = gr.Radio(names, value=names[0], type="index", label="Show", visible=False)
        with gr.Accordion("Why these colours?", open=False):
            self.why = gr.Button("Explain the chosen place", size="sm")
            self.reason = gr.HTML("", elem_id="reason")

    def _build_batch(self) -> None:
        gr.Markdown("All get the strength, T, lambda, smoothing and model of the first tab, and no hints.")
        self.uploads = gr.File(label="Photographs", file_count="multiple")
        self.all = gr.Button("Colour them all", variant="primary")
        self.zip = gr.File(label="The results", interactive=False, visible=False)

    def _connect(self) -> None:
        self._decoding = [self.temperature, self.share, self.strength, self.smoothing]
        self._place = [self.x, self.y]
        view = [self.picture, self.command, self.list]
        inputs = [*self._decoding, self.candidate, *self._place]
        self.upload.upload(
            self._open,
            [self.upload, *self._decoding],
            [*view, self.make, self.download, self.choices, self.candidate, self.upload, self.suggestions],
        )
        self.model.input(self._choose_model, [self.model, *self._place], [*self._decoding, self.candidate, *view])
        for slider in self._decoding:
            slider.change(self._render, inputs, view, trigger_mode="always_last", show_progress="hidden")
        self.candidate.input(self._render, inputs, view, show_progress="hidden")
        suggest = (self._suggest, [*self._place, *self._decoding], [self.suggestions, self.color])
        self.picture.select(self._click, inputs, [*self._place, *view], show_progress="hidden").then(*suggest)
        self.suggestions.select(self._take, [*self._place, *self._decoding], [self.candidate, *view])
        self.add.click(self._add, [*self._place, self.color, *self._decoding], [self.candidate, *view])
        self.undo.click(self._undo, inputs, [self.candidate, *view])
        self.clear.click(self._clear, inputs, [self.candidate, *view])
        self.best.click(self._best, inputs, [*self._place, *view]).then(*suggest)
        self.find.click(self._find, self._decoding, [self.choices, self.candidate])
        self.why.click(self._why, [*self._place, *self._decoding], self.reason)
        self.make.click(self._make, [*self._decoding, self.candidate], self.download)
        self.all.click(self._batch, [self.uploads, self.model, *self._decoding], [self.zip, self.uploads])
        film = [self.film.upload, self.film.steadiness, self.model, *self._decoding]
        self.film.start.click(self._color_film, film, [self.film.video, self.film.download, self.film.upload])
        self.blocks.load(lambda: self._own(DEFAULT_MODEL), None, self._decoding)

    # What happens

    def _session(self, request: gr.Request) -> Session:
        return self._sessions[request.session_hash]

    def _opened(self, request: gr.Request) -> Session:
        session = self._session(request)
        if session.source is None:
            raise gr.Error("Choose a photograph first.", print_exception=False)
        return session

    def _own(self, model: str) -> list[float]:
        """The values of the sliders that a model has by default."""
        colorizer = self._sessions.models[model]
        own, share = colorizer.decoding, colorizer.objective.bins.uniform_share
        return [own.temperature, share if own.uniform_share is None else own.uniform_share, 1.0, own.smoothing]

    def _open(self, request: gr.Request, upload: str, *decoding: float) -> list[Any]:
        session = self._session(request)
        with session.lock, _told():
            note = session.open(Path(upload))
            if note:
                gr.Info(note)
            # The file has moved to the session, so the component that received it takes the next one.
            empty = [
                gr.Button(interactive=True),
                gr.File(visible=False, value=None),
                "",
                gr.Radio(visible=False, value="with hints"),
                None,
                "",
            ]
            return [*self._view(session, decoding), *empty]

    def _render(self, request: gr.Request, *inputs: Any) -> list[Any]:
        session = self._session(request)
        if session.source is None:
            return [EMPTY, "", "No hints yet."]
        *decoding, candidate, x, y = inputs
        with session.lock, _told():
            return self._view(session, decoding, candidate, (x, y))

    def _view(self, session, given, candidate=0, here=None):
        """The picture, the command line and the list of hints."""
        decoding = decoding_of(*given)
        rgb = session.candidates(decoding)[candidate - 1] if candidate else session.colored(decoding)
        hints = [] if candidate else session.hints
        html = viewer(session.gray(), data_uri(rgb), session.size, hints, here)
        options = dict(zip(_OPTIONS, given, strict=True))
        lines = [f"{k}. {color} at {x},{y}" for k, (x, y, color) in enumerate(session.hints, start=1)]
        return [html, session.command(options, candidate), "\n".join(lines) or "No hints yet."]

    def _choose_model(self, request: gr.Request, model: str, x: int, y: int) -> list[Any]:
        session, own = self._session(request), self._own(model)
        with session.lock, _told():
            session.choose_model(model)
            view = self._view(session, own) if session.source else [EMPTY, "", "No hints yet."]
            return [*own, gr.Radio(visible=False, value="with hints"), *view]

    def _click(self, request: gr.Request, event: gr.SelectData, *inputs: Any) -> list[Any]:
        x, y = map(int, event.index)
        return [x, y, *self._render(request, *inputs[:-2], x, y)]

    def _suggest(self, request: gr.Request, x: int, y: int, *decoding: float) -> list[Any]:
        session = self._opened(request)
        with session.lock, _told():
            found = session.suggest(*inside(x, y, session), decoding_of(*decoding))
        return [swatches(found), found[0][0]]

    def _take(self, request: gr.Request, event: gr.SelectData, x: int, y: int, *decoding: float) -> list[Any]:
        return self._add(request, x, y, event.value, *decoding)

    def _add(self, request: gr.Request, x: int, y: int, color: str, *decoding: float) -> list[Any]:
        session = self._opened(request)
        with session.lock, _told():
            session.add_hint(int(x), int(y), hex_of(color))
            return ["with hints", *self._view(session, decoding)]

    def _undo(self, request: gr.Request, *inputs: Any) -> list[Any]:
        session = self._opened(request)
        with session.lock:
            session.hints = session.hints[:-1]
        return ["with hints", *self._render(request, *inputs[:-3], 0, *inputs[-2:])]

    def _clear(self, request: gr.Request, *inputs: Any) -> list[Any]:
        session = self._opened(request)
        with session.lock:
            session.hints = []
        return ["with hints", *self._render(request, *inputs[:-3], 0, *inputs[-2:])]

    def _best(self, request: gr.Request, *inputs: Any) -> list[Any]:
        session = self._opened(request)
        with session.lock, _told():
            place = session.best_place(decoding_of(*inputs[:-3]))
        return [*place, *self._render(request, *inputs[:-2], *place)]

    def _find(self, request: gr.Request, *decoding: float) -> list[Any]:
        session = self._opened(request)
        with session.lock, _told():
            found = session.candidates(decoding_of(*decoding))
        step = max(1, max(found.shape[1:3]) // 320)
        pictures = "".join(
            f'<img style="width: 48%; margin: 1%" alt="candidate {k}" src="{data_uri(rgb[::step, ::step])}">'
            for k, rgb in enumerate(found, start=1)
        )
        return [f"<div>{pictures}</div>", gr.Radio(visible=True)]

    def _why(self, request: gr.Request, x: int, y: int, *decoding: float) -> str:
        session = self._opened(request)
        with session.lock, _told():
            figure = session.explain(*inside(x, y, session), decoding_of(*decoding))
        return f'<img style="width: 100%" alt="What the network predicts at {x},{y}" src="{data_uri(figure)}">'

    def _make(self, request: gr.Request, *inputs: Any) -> Any:
        session = self._opened(request)
        *decoding, candidate = inputs
        with session.lock, _told():
            return gr.File(str(session.write(decoding_of(*decoding), candidate)), visible=True)

    def _batch(self, request: gr.Request, uploads: list[str] | None, model: str, *decoding: float) -> list[Any]:
        if not uploads:
            raise gr.Error("Choose photographs first.", print_exception=False)
        session = self._session(request)
        with session.lock, _told():
            folder = Path(tempfile.mkdtemp(dir=session.folder))
            sources = [_taken(Path(upload), folder / f"{k:04d}") for k, upload in enumerate(uploads)]
            options = (decoding_of(*decoding), session.max_pixels)
            results, failures = [], []
            for source in sources:
                try:
                    results += write_all(self._sessions.models[model], [source], source.parent / "out", *options)
                except WorkError as error:
                    failures.append(str(error))
            if failures:
                gr.Warning("; ".join(failures))
            if not results:
                raise WorkError("; ".join(failures))
            path = session.folder / "coloured.zip"
            _zip(results, path)
            shutil.rmtree(folder)
            return [gr.File(str(path), visible=True), None]

    def _color_film(
        self,
        request: gr.Request,
        upload: str | None,
        steadiness: float,
        model: str,
        *decoding: float,
        progress: Any = gr.Progress(),  # noqa: B008 (Gradio looks for it)
    ) -> list[Any]:
        with _told():
            return self.film.run(request, upload, steadiness, model, decoding_of(*decoding), progress)

    def _end(self, request: gr.Request) -> None:
        self._sessions.end(request.session_hash)


def decoding_of(temperature: float, share: float, strength: float, smoothing: float) -> Decoding:
    """The decoding that the sliders say."""
    return Decoding(temperature, strength, min(int(smoothing), MOST_SMOOTHING), share)


def inside(x: float, y: float, session: Session) -> tuple[int, int]:
    """A place, moved into the photograph."""
    return tuple(int(np.clip(value or 0, 0, side - 1)) for value, side in zip((x, y), session.size, strict=True))


def hex_of(color: str) -> str:
    """A colour as the picker writes it, 'rgba(43.2, 79, 129, 1)', as '#2b4f81'; others unchanged."""
    if color.startswith("rgba("):
        return "#" + "".join(f"{round(float(part)):02x}" for part in color[5:-1].split(",")[:3])
    return color


def _taken(upload: Path, folder: Path) -> Path:
    folder.mkdir()
    return Path(shutil.move(upload, folder / safe_name(upload.name)))


def _zip(results, path):
    """Pack results; a second file of the same name gets a number."""
    taken = set()
    with zipfile.ZipFile(path, "w") as archive:  # photographs are compressed already
        for result in results:
            name, k = result.name, 2
            while name in taken:
                name, k = f"{result.stem}-{k}{result.suffix}", k + 1
            taken.add(name)
            archive.write(result, name)


def theme() -> gr.Theme:
    """Gradio's plain theme, without fonts from outside."""
    return gr.themes.Default(primary_hue="blue", font=_FONTS, font_mono=("ui-monospace", "monospace"))


class _told:
    """Show expected mistakes on the page, as messages."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, _EXPECTED):
            raise gr.Error(str(error), print_exception=False) from None
