"""What networks are trained for; `registry` has the names, `objective` what they have in common."""
