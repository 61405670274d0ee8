"""One construct for each part, and the stack that wires them."""
