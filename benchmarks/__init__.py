"""What is fast, against whom, as a command: python -m benchmarks scan|train|ops|predict|start|growth|all."""
