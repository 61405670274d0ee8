"""The template's library, on which the app builds. Its public names are listed in kit/README.md."""
