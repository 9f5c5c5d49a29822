"""How fast tfcolor is, compared with other ways to do the same work: `python -m benchmarks`. Studies: `studies`."""
