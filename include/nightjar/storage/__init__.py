"""The only code that opens database connections: roles, COPY, migrations, named SQL."""

from nightjar.storage.database import Database, Role, open_database

__all__ = ["Database", "Role", "open_database"]
