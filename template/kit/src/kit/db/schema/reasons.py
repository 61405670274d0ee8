"""Comments in a migration that overrule a rule: `# live: no version reads it any more`."""

import ast
import io
import re
import tokenize
from pathlib import Path


class Reasons:
    """The comments `# WORD: reason` of a file."""

    def __init__(self, file: Path) -> None:
        source = file.read_text(encoding="utf-8")
        self._statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
        self._lines = source.splitlines()
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        self._comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    def line_of(self, line: int, part: str) -> int:
        """The line of the statement at `line`; in a `with` block, of the statement in it that names `part`."""
        block = self._at(line)
        if isinstance(block, ast.With):
            for inner in block.body:
                text = "\n".join(self._lines[inner.lineno - 1 : inner.end_lineno])
                if f'"{part}"' in text or f"'{part}'" in text:
                    return inner.lineno
        return line

    def given(self, word: str, line: int, part: str) -> bool:
        """Whether a comment with this word and a reason is beside the statement, or above it."""
        lines = {line}
        for start in {line, self.line_of(line, part)}:
            node = self._at(start)
            if node is not None:
                end = node.lineno if isinstance(node, ast.With) else node.end_lineno or node.lineno
                lines |= set(range(node.lineno, end + 1))
        for first in sorted(lines):
            above = first - 1
            while above in self._comments and self._lines[above - 1].lstrip().startswith("#"):
                lines.add(above)
                above -= 1
        return any(re.match(rf"#\s*{word}:\s*\S", self._comments.get(one, "")) for one in lines)

    def _at(self, line: int) -> ast.stmt | None:
        """The innermost statement that begins at `line`, or that contains it."""
        around = [node for node in self._statements if node.lineno <= line <= (node.end_lineno or node.lineno)]
        return max(around, key=lambda node: node.lineno, default=None)
