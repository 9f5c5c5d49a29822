"""How fast tfcolor is beside other ways to do the same work: `python -m benchmarks`. Studies are in `studies`."""
