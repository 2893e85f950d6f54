"""What readers are shown, served as the files that they are, and with nothing in them that acts."""

import stat
from collections.abc import Mapping
from os import stat_result
from pathlib import PurePath
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# A published page decides nothing: whatever somebody's data has made of it runs no script and sends no form.
POLICY: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
}


class PublishedFiles(StaticFiles):
    """The folder of pages and files; what begins with a dot is how they were made, and nobody's."""

    async def check_config(self) -> None:
        """A folder that is not there yet holds nothing, and is no fault."""

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        """A file or folder that is published; whatever cannot be one is not there."""
        if any(part.startswith(".") for part in PurePath(path).parts):
            return "", None
        try:
            found, status = super().lookup_path(path)
        except (OSError, ValueError):
            return "", None
        is_ours = status is not None and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))
        return (found, status) if is_ours else ("", None)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file with the policy of files; where a folder leads is told by its path alone, whatever is in front."""
        try:
            answered = await super().get_response(path, scope)
        except PermissionError as error:
            raise HTTPException(404) from error
        answered.headers.update(POLICY)
        if leads := answered.headers.get("location"):
            answered.headers["location"] = f"/{urlsplit(leads).path.lstrip('/')}"
        return answered
