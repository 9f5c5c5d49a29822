"""What is fast, against whom, as a command: python -m benchmarks scan|train|predict|start|growth|all."""
