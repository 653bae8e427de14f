"""SQL kept in .sql files as named blocks, each opened by a line `-- name: block_name`."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_HEADER = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load_sql(package: str, file_name: str) -> dict[str, LiteralString]:
    """Return the blocks of a package's SQL file by name.

    The text is as trustworthy as the package's own code, hence LiteralString.
    """
    parts = _HEADER.split(files(package).joinpath(file_name).read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    return {name: cast(LiteralString, body.strip()) for name, body in zip(names, bodies, strict=True)}
