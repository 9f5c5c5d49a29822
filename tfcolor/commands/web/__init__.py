"""The page in the browser: `python -m tfcolor web`."""
