"""The objectives that networks are trained for; `registry` lists them, `objective` has their base class."""
