"""What tfcolor is compared with: the same work, with the same answers, done in other ways."""
