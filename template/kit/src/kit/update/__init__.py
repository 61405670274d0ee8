"""`make update`: bring the template's newest version into a generated project."""
