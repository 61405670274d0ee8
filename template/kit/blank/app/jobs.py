"""The app's jobs; see kit/docs/jobs.md."""
