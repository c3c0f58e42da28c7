"""Checks of the choice of databases: for each team the service, and the reasons that decide."""

from sandbox.grading import Mismatch, Missing, check

REASONS = {
    "joins", "read-replicas", "transactions", "standby", "near-readers", "ranks", "key-access", "proof",
    "paths", "flexible-documents", "analytics", "cheap-storage",
}  # fmt: skip


def chosen(ctx, team):
    found = ctx.choices.get(team)
    if not isinstance(found, dict):
        raise Missing(f"The table [{team}]")
    return found


def service(ctx, team, right):
    found = chosen(ctx, team).get("service", "")
    if not isinstance(found, str) or not found.strip():
        raise Missing(f"A service for {team}")
    if found.strip().lower() not in right:
        raise Mismatch(f"The service for {team}", expected=right, found=found, show_expected=False)


def reasons(ctx, team, must, may=()):
    found = chosen(ctx, team).get("reasons", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Mismatch(f"reasons of {team}", expected="a list of words", found=found)
    if not found:
        raise Missing(f"A reason for {team}")
    given = {one.strip().lower() for one in found}
    unknown = sorted(given - REASONS)
    if unknown:
        raise Mismatch(f"Reasons of {team}", expected="words of the list", found=", ".join(unknown))
    beside = sorted(given - {*must, *may})
    if beside:
        raise Mismatch(
            f"What decides for {team}", expected=must, found=", ".join(beside), show_expected=False
        )
    if not given & set(must):
        raise Missing(f"The reason that decides for {team}")


@check(points=1)
def shop_service(ctx):
    """The shop gets a database that its SQL runs on and that grows with its readers."""
    service(ctx, "shop", {"aurora-mysql"})


@check(points=1, after=[shop_service])
def shop_reasons(ctx):
    """The reasons given for the shop bear on its problem."""
    reasons(ctx, "shop", {"read-replicas"}, {"joins"})


@check(points=1)
def payments_service(ctx):
    """Transfers go to a database that loses none when a data centre fails."""
    service(ctx, "payments", {"rds-postgresql-multi-az", "aurora-postgresql", "aurora-mysql"})


@check(points=1, after=[payments_service])
def payments_reasons(ctx):
    """The reasons given for the payments bear on their problem, all of it."""
    reasons(ctx, "payments", {"transactions", "standby"}, {"joins"})
    given = {one.strip().lower() for one in chosen(ctx, "payments")["reasons"]}
    for one in ("transactions", "standby"):
        if one not in given:
            raise Missing("One of the two things that decide for payments")


@check(points=1)
def learning_service(ctx):
    """Learners on three continents are answered close to where they are."""
    service(ctx, "learning", {"aurora-global"})


@check(points=1, after=[learning_service])
def learning_reasons(ctx):
    """The reasons given for the learning platform bear on its problem."""
    reasons(ctx, "learning", {"near-readers"}, {"joins", "read-replicas"})


@check(points=1)
def game_service(ctx):
    """Scores are written, and places read, within milliseconds."""
    service(ctx, "game", {"elasticache", "memorydb", "dynamodb", "dynamodb-global-tables"})


@check(points=1, after=[game_service])
def game_reasons(ctx):
    """The reasons given for the game bear on its problem."""
    # A key-value store ranks by an index on the score: ranks must be among the reasons there as well.
    reasons(ctx, "game", {"ranks"}, {"key-access", "near-readers"})


@check(points=1)
def health_service(ctx):
    """Health records lie where a past that was rewritten can be noticed by computation."""
    service(ctx, "health", {"ledger"})


@check(points=1, after=[health_service])
def health_reasons(ctx):
    """The reasons given for the health records bear on their problem."""
    reasons(ctx, "health", {"proof"}, {"transactions"})


@check(points=1)
def network_service(ctx):
    """The social network is walked along its relations."""
    service(ctx, "network", {"neptune"})


@check(points=1, after=[network_service])
def network_reasons(ctx):
    """The reasons given for the network bear on its problem."""
    reasons(ctx, "network", {"paths"})


@check(points=1)
def catalogue_service(ctx):
    """The catalogue takes products of any shape and finds them by any attribute."""
    service(ctx, "catalogue", {"documentdb"})


@check(points=1, after=[catalogue_service])
def catalogue_reasons(ctx):
    """The reasons given for the catalogue bear on its problem."""
    reasons(ctx, "catalogue", {"flexible-documents"})
