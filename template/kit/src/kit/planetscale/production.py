"""Which branch is production, and whether the database takes deploy requests: as PlanetScale says."""

from dataclasses import dataclass
from typing import Any

from kit.errors import UsageError
from kit.planetscale.client import Client
from kit.planetscale.project import Project


class Unsuitable(UsageError):
    """The database is of the wrong kind, or a setting is missing; the message has the command that sets it."""


def database(client: Client, project: Project) -> dict[str, Any]:
    """The database's settings; raises `Unsuitable` for Postgres, which has no deploy requests and other credentials.

    Source: planetscale.com/docs/cli/deploy-request (Vitess clusters only)
    """
    settings: dict[str, Any] = client.get()
    if settings["kind"] != "mysql":
        raise Unsuitable(
            f"{project} is a {settings['kind']} database. Deploy requests and branch passwords exist for PlanetScale's "
            "MySQL (Vitess) databases only: name one in .pscale.yml."
        )
    return settings


@dataclass(frozen=True)
class Target:
    """The branch that deploy requests go into, and whether somebody has to approve them."""

    branch: str
    approval: bool


def target(client: Client, project: Project, into: str | None = None) -> Target:
    """Where deploy requests go: into the branch `into`, or into the database's default branch.

    It need not be a production branch, but safe migrations must be on, and the database must copy alembic_version.
    Raises `Unsuitable` with the command to run.
    """
    settings = database(client, project)
    branch = into or str(settings["default_branch"])
    organization = f"--org {project.organization}"
    if not client.get("branches/{}", branch)["safe_migrations"]:
        raise Unsuitable(
            f"The branch {branch} of {project} takes no deploy requests, because safe migrations are off. Turn them on:\n"
            f"  pscale branch safe-migrations enable {project.database} {branch} {organization}"
        )
    if not settings.get("automatic_migrations") or settings.get("migration_table_name") != "alembic_version":
        raise Unsuitable(
            f"{project} does not copy alembic_version with branches and deploy requests, so no branch would know which "
            "migrations are applied. Turn it on:\n"
            f"  pscale database update {project.database} {organization} "
            "--automatic-migrations=true --migration-table-name alembic_version"
        )
    return Target(branch, bool(settings["require_approval_for_deploy"]))
