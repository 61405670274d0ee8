"""A secret that must never be found where it has no business."""

CANARY = "spikeproof-canary-5b1c9e"
"""A secret that lies in .env and in the environment while the image is built, and where a laptop deploys."""
