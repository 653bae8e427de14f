"""Grants of tenants: whose rows a role may read of a use case that declares a tenant."""

from dataclasses import dataclass
from datetime import datetime

from nightjar.errors import RoleNotFoundError, TenantError
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "tenants.sql")


@dataclass(frozen=True)
class TenantGrant:
    """What a role is granted; tenant: None for every one, and for entities that belong to none."""

    role: str
    use_case: str
    tenant: str | None
    granted_by: str
    granted_at: datetime


def grant_tenant(database: Database, use_case: UseCase, role: str, tenant: str | None) -> bool:
    """Show a tenant's rows to a role and its members; return False where it is granted already.

    tenant: value of the declared column, as text; None for every tenant, and entities without one.

    Raises:
        TenantError: the use case declares no tenant, or the value is empty.
        RoleNotFoundError: the server has no such role.
    """
    _require_tenants(use_case, tenant)
    with database.connect(Role.OWNER) as connection:
        _require_role(connection, role)
        return connection.execute(_SQL["grant"], [role, use_case.name, tenant]).rowcount == 1


def revoke_tenant(database: Database, use_case: UseCase, role: str, tenant: str | None) -> None:
    """Take a grant back; what else shows the rows to the role stays.

    Raises:
        TenantError: it is not granted; with what is.
    """
    with database.connect(Role.OWNER) as connection:
        if connection.execute(_SQL["revoke"], [role, use_case.name, tenant]).rowcount:
            return
        rows = connection.execute(_SQL["granted_to"], [role, use_case.name]).fetchall()
    granted = ", ".join("every tenant" if row["tenant"] is None else str(row["tenant"]) for row in rows)
    raise TenantError(
        f"{role} is not granted {'every tenant' if tenant is None else f'tenant {tenant}'} of {use_case.name}. "
        f"Granted: {granted or 'none'}."
    )


def tenant_grants(database: Database) -> list[TenantGrant]:
    """Return all grants, by use case, role and tenant."""
    with database.connect(Role.OWNER) as connection:
        return [TenantGrant(**row) for row in connection.execute(_SQL["grants"])]


def _require_tenants(use_case: UseCase, tenant: str | None) -> None:
    if use_case.tenant is None:
        raise TenantError(
            f"{use_case.name} declares no tenant, everybody who reads it sees all: declare a column as tenant first."
        )
    if tenant is not None and not tenant:
        raise TenantError(f"The tenant is empty: give a value of {use_case.tenant}, or grant every tenant.")


def _require_role(connection: Connection, role: str) -> None:
    roles = {row["name"] for row in connection.execute(_SQL["roles"])}
    if role not in roles:
        raise RoleNotFoundError(f"The server has no role {role!r}: create it, and grant it nightjar_analyst.")
