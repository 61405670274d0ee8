"""What a start reads of its image: every file that is opened or mapped, up to the end of the first response."""

import json

import containers
from bench import environment

_PROBE = """
import importlib, json, os, runpy, sys
opened = set()
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        opened.add(os.path.realpath(os.fsdecode(arguments[0])))
sys.addaudithook(note)
sys.path.insert(0, os.getcwd())
try:
    from kit.aws_lambda import bytecode_pack
    bytecode_pack.install()
except ImportError:
    pass
import awslambdaric.bootstrap
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
class Context:
    aws_request_id = function_name = function_version = memory_limit_in_mb = invoked_function_arn = log_group_name = "x"
    log_stream_name = "x"
answer = handler(json.loads(sys.argv[2]), Context())
assert answer["statusCode"] == 200, answer
opened |= {line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/" in line}
files = [file for file in opened if os.path.isfile(file) and not file.startswith(("/proc", "/sys", "/dev"))]
print(json.dumps([len(files), sum(os.path.getsize(file) for file in files)]))
"""


def read_at_start(image: str, options: list[str]) -> tuple[int, int]:
    """Return the number of files and their bytes; of the bytecode pack, only what the start read counts."""
    handler = json.loads(containers.docker("image", "inspect", "--format", "{{json .Config.Cmd}}", image))[0]
    output = containers.run(
        image,
        ["-c", _PROBE, handler, json.dumps(environment.PAGE)],
        options=[*options, "--entrypoint", "python", "--env", "LOG_LEVEL=error"],
    )
    files, size = json.loads(output.splitlines()[-1])
    return files, size
