"""The system: one construct a part, and the stack that wires them."""
