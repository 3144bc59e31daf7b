"""A vendor that is not in this project, as CONTRIBUTING.md adds it."""
