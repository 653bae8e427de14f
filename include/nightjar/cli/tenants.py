"""nightjar tenants: which roles read whose rows, of use cases that declare a tenant."""

from dataclasses import asdict
from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, print_rows
from nightjar.errors import TenantError
from nightjar.usecases import find_use_case

app = typer.Typer(help="Which roles read whose rows, where a use case declares a tenant.", no_args_is_help=True)
RoleArgument = Annotated[str, typer.Argument(metavar="ROLE", help="A role of the server, for it and its members.")]
TenantArgument = Annotated[str | None, typer.Argument(metavar="[TENANT]", help="Value of the declared column.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every tenant, and entities without one.")]


@app.command("list")
def list_command(env: EnvironmentOption = "prod", as_json: JsonOption = False) -> None:
    """List what is granted; a tenant that is empty stands for every one."""
    from nightjar.scoring import tenants

    print_rows([asdict(grant) for grant in tenants.tenant_grants(database(env))], as_json=as_json)


@app.command()
def grant(
    role: RoleArgument,
    use_case: str,
    tenant: TenantArgument = None,
    every: AllOption = False,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show a tenant's rows to a role."""
    from nightjar.scoring import tenants

    chosen = _chosen(tenant, every=every)
    new = tenants.grant_tenant(database(env), find_use_case(use_case), role, chosen)
    print_record({"role": role, "use_case": use_case, "tenant": chosen or "every", "new": new}, as_json=as_json)


@app.command()
def revoke(
    role: RoleArgument,
    use_case: str,
    tenant: TenantArgument = None,
    every: AllOption = False,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Take a grant back."""
    from nightjar.scoring import tenants

    chosen = _chosen(tenant, every=every)
    tenants.revoke_tenant(database(env), find_use_case(use_case), role, chosen)
    print_record({"role": role, "use_case": use_case, "revoked": chosen or "every"}, as_json=as_json)


def _chosen(tenant: str | None, *, every: bool) -> str | None:
    if (tenant is None) is not every:
        raise TenantError("Name one tenant, or give --all for every one.")
    return tenant
