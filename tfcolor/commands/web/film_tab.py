"""The tab of the page that colours a short film."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from tfcolor.color.decoding_options import Decoding
from tfcolor.commands.web.sessions import Sessions, safe_name
from tfcolor.films.conversion import convert
from tfcolor.films.names import film_result_name, is_film_name
from tfcolor.films.options import WEIGHT, FilmOptions
from tfcolor.films.reading import read_film
from tfcolor.photographs.pixels import UnreadableImage, check_size
from tfcolor.utils.errors import InputError

MOST_SECONDS = 120
_PLAYED = (".mp4", ".m4v", ".mov", ".webm")  # by browsers


class FilmTab:
    """The components of the tab; `run` is connected by the page."""

    def __init__(self, sessions: Sessions):
        """Build the tab, inside of the page."""
        self._sessions = sessions
        gr.Markdown(
            f"Films of up to {MOST_SECONDS} seconds. They get the colours and the model chosen in the first tab."
        )
        self.upload = gr.File(label="A film", file_count="single", height=120, elem_id="film")
        self.steadiness = gr.Slider(
            0, 0.95, WEIGHT, step=0.05, label="Steadiness: 0 colours each frame by itself, and flickers"
        )
        self.start = gr.Button("Colour the film", variant="primary")
        self.video = gr.Video(label="The result", interactive=False, visible=False, height=480)
        self.download = gr.File(label="The result, with its sound", interactive=False, visible=False)

    def run(
        self, request: gr.Request, upload: str | None, steadiness: float, model: str, decoding: Decoding, progress: Any
    ) -> list[Any]:
        """Colour a film; returns the video, the download and the empty upload.

        Raises:
            UnreadableImage, InputError: for mistakes that the user should read.
        """
        if not upload:
            raise InputError("Choose a film first.")
        session = self._sessions[request.session_hash]
        folder = Path(tempfile.mkdtemp(dir=session.folder))
        source = Path(shutil.move(upload, folder / safe_name(Path(upload).name)))
        if not is_film_name(source.name):
            raise UnreadableImage("that is no film; photographs go to the first tab")
        film = read_film(source)
        check_size(film.width, film.height, session.max_pixels)
        seconds = float(film.num_frames / film.rate)
        if seconds > MOST_SECONDS:
            raise UnreadableImage(
                f"the film takes {seconds:.0f} s, and this page colours up to {MOST_SECONDS} s; use python predict.py"
            )
        target = folder / "coloured" / film_result_name(source.name)
        target.parent.mkdir()
        options = FilmOptions(decoding, steadiness)

        def show(done):
            if done > MOST_SECONDS * film.rate:  # the file does not say how long it is
                raise UnreadableImage(f"this page colours up to {MOST_SECONDS} s of a film; use python predict.py")
            progress(min(1.0, done / max(1, film.num_frames)), desc=f"frame {done} of {film.num_frames}")

        _, _, notes = convert(self._sessions.models[model], film, target, options, on_frame=show)
        if notes:
            gr.Info("; ".join(notes))
        plays = target.suffix.lower() in _PLAYED
        return [gr.Video(str(target) if plays else None, visible=plays), gr.File(str(target), visible=True), None]
