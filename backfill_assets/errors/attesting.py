"""Refusals around what is shown to an auditor."""

from backfill_assets.errors.base import BadInput, Refused


class NotAttested(Refused):
    """What a statement would state is not so; ``why`` is a sentence."""

    def __init__(self, correction: str, why: str) -> None:
        super().__init__(
            f"Correction {correction} cannot be stated, because of what was found ({why.rstrip('.')}). "
            f"No statement was written. Look at what backfill-assets attest {correction} names."
        )


class NothingToState(Refused):
    """There is no certificate, or no file of it is left, that a statement could be about."""

    def __init__(self, correction: str) -> None:
        super().__init__(
            f"Correction {correction} has no certified file that is still there to be named in a statement. "
            "No statement was written. Export it after validation and before the decommission."
        )


class KeyUnfit(BadInput):
    """A file is no key that a statement can be signed with; ``why`` is the end of a sentence."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The key {file} cannot be used, because {why}. Nothing was signed or written. "
            "Make one by openssl genpkey -algorithm ed25519, in a file that only you can read."
        )


class KeyWithoutStatement(BadInput):
    """A key was given, and nothing to sign."""

    def __init__(self) -> None:
        super().__init__(
            "A key signs a statement, and no file for one was given. Nothing was signed. Add --statement with a file."
        )


class StatementUnwritable(BadInput):
    """The file of a statement cannot be written; ``why`` is what the operating system says."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The statement cannot be written to {file} ({why}). Nothing was written. Name a file in a folder of yours."
        )
