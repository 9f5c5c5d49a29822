"""Films: frames coloured steadily, and written without touching what was there."""
