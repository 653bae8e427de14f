"""Alembic's entry: runs the revisions on the connection that `storage.migrate` hands over."""

from alembic import context

from nightjar.storage.migrate import VERSION_SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema=VERSION_SCHEMA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
