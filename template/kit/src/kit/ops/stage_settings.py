"""Whether a stage has a value for each setting that the app declares, before it is deployed."""

from kit import generated_secrets, settings, stage_file
from kit.errors import UsageError
from kit.ops.aws_account import Account
from kit.ops.retry import RETRY
from kit.ops.stage import PROJECT, Stage
from kit.ops.stage_secrets import StageSecrets, declared


def generate(account: Account, stage: Stage) -> list[str]:
    """Generate the stage's secrets that nobody chooses and that are not stored yet; return their names."""
    generated = [name for name, secret in declared().items() if secret.generate]
    store = StageSecrets(account.session.client("ssm", config=RETRY), stage)
    missing = sorted(set(generated) - store.names().keys()) if generated else []
    for name in missing:
        store.store(name, generated_secrets.new())
    return missing


def require(account: Account, stage: Stage) -> None:
    """Raise `UsageError` that names each missing secret and setting of the stage, and the command that sets it."""
    stored = StageSecrets(account.session.client("ssm", config=RETRY), stage).names() if declared() else {}
    problems = [
        f"  {name}: not stored ({secret.help}). Store it: make secret NAME={name} STAGE={stage.name}"
        for name, secret in declared().items()
        if secret.required and not secret.generate and name not in stored
    ]
    file = PROJECT / stage_file.FOLDER / f"{stage_file.shared_by_previews(stage.name)}.env"
    app, values = settings.of_app(), stage_file.read(file)
    problems += [
        f"  {each.variable}: not set ({each.help}). Add a line to {stage_file.FOLDER}/{file.name}: {each.variable}=…"
        for each in (app.declared.values() if app else ())
        if not each.is_secret and each.required and not values.get(each.variable)
    ]
    if problems:
        raise UsageError("\n".join([f"{stage.resource_prefix} can't start with its settings:", *problems]))
