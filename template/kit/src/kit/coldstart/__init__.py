"""Shortening and profiling cold starts."""
