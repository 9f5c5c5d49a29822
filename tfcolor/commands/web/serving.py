"""Serve the page: no visitor reads a path of this machine, and nothing is loaded from another one."""

import os
import signal
import threading

from tfcolor.commands.web.sessions import Models, Sessions
from tfcolor.utils.files import make_folder

# The browser refuses everything that comes from elsewhere. Gradio's own page needs the two 'unsafe' ones.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'self'"
)


def serve(
    host: str,
    port: int,
    login: tuple[str, str] | None,
    max_pixels: int,
    max_megabytes: int,
    models: dict[str, str],
) -> None:
    """Serve until the process is interrupted or terminated.

    Args:
        host, port: where to listen.
        login: user and password; None for no login.
        max_pixels: the largest number of pixels of a photograph.
        max_megabytes: the largest upload.
        models: descriptions of the models by name.

    Raises:
        OSError: the port is taken.
    """
    sessions = Sessions(Models(), max_pixels)
    os.environ["GRADIO_TEMP_DIR"] = str(sessions.root / "gradio")  # uploads arrive here; it goes with all sessions
    make_folder(sessions.root / "gradio")
    from tfcolor.commands.web.page import PAGE_CSS, Page, theme

    page, stop = Page(sessions, models), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        _, address, _ = page.blocks.queue(default_concurrency_limit=4).launch(
            server_name=host,
            server_port=port,
            auth=login,
            quiet=True,
            share=False,
            show_error=True,
            prevent_thread_lock=True,
            footer_links=[],
            max_file_size=f"{max_megabytes}mb",
            ssr_mode=False,
            theme=theme(),
            css=PAGE_CSS,
            app_kwargs={"middleware": _middleware()},
        )
        print(f"the page is at {address.rstrip('/')} (Ctrl-C ends it)", flush=True)
        stop.wait()
    finally:
        page.blocks.close(verbose=False)
        sessions.close()


def _middleware():
    from starlette.middleware import Middleware

    return [Middleware(_Headers)]


class _Headers:
    """Adds the policy to each answer."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", _POLICY.encode())]
            await send(message)

        await self._app(scope, receive, send_with_policy if scope["type"] == "http" else send)
