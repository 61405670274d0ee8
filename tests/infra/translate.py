"""Print a template after SAM's own translation, as JSON. Runs in the environment of aws-sam-cli.

usage: translate.py TEMPLATE REGION [PARAMETER=VALUE ...]
"""

import json
import os
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]

template, region, *parameters = sys.argv[1:]
os.environ["AWS_DEFAULT_REGION"] = region
values = dict(parameter.split("=", 1) for parameter in parameters)
json.dump(
    Translator({}, Parser()).translate(yaml_parse(Path(template).read_text(encoding="utf-8")), values), sys.stdout
)
