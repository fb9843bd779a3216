"""`debug:` of the configuration: who may look into running processes."""

from vedette.config.settings import Settings
from vedette.secrets.secret import SecretText


class Debug(Settings):
    """`/debug` of each process shows stacks, memory and profiles; docs/profiling.md."""

    token: SecretText | None = None
    """Who has it (`Authorization: Bearer …`) may, beside admins of `gateway.accounts` and `serving.tokens`; usually
    `${file:/run/secrets/debug}`. Default: none; then a process without admins answers on loopback only."""
