"""The commands of `python -m kit`, a module each.

A command's module has `register(commands)`, which names its options and its function. It imports nothing
slow at its top, because every start of the command line imports every command.
"""
