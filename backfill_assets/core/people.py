"""Names of people: a decision is somebody's, and neither a machine's nor nobody's."""

import re
import unicodedata

_MACHINES = """
dagster dagster-daemon dagster-webserver dagit daemon root system sudo service services scheduler schedule sensor cron
ci bot robot machine server automation automatic pipeline airflow jenkins runner docker container kubernetes nightly app
api cli admin administrator superuser guest www-data ubuntu localhost localsystem
"""
_PLACEHOLDERS = """
name names me myself i you user username person people somebody someone anybody anyone everybody everyone nobody unknown
anonymous anon none null nil na todo tbd fixme x xx xxx xyz string str text placeholder empty default
"""
MACHINES = frozenset(_MACHINES.split()) | {"command line", "retention sweep", "github actions", "local service"}
PLACEHOLDERS = frozenset(_PLACEHOLDERS.split()) | {"your name", "my name", "full name", "n/a", "no one", "not given"}
_OF_CODE = re.compile(r"__|_(schedule|sensor|driver|job|daemon|sweep|nightly)$|\[bot\]$|^svc[-_.]|[-_.](bot|svc)$")


def written(name: str) -> str:
    """A name without what cannot be seen: surrounding, doubled and zero-width spaces."""
    seen = "".join(one for one in name if one.isspace() or not unicodedata.category(one).startswith("C"))
    return " ".join(seen.split())


def is_person(name: str) -> bool:
    """Whether a text can be the name of a person, as far as that can be told: no blank, placeholder or machine.

    >>> [is_person(name) for name in ("Ada (data engineering)", "  ", "dagster", "<your name>")]
    [True, False, False, False]
    """
    folded = unicodedata.normalize("NFKC", written(name)).casefold()
    bare = " ".join(re.sub(r"[^\w\s/-]|_", " ", folded).split()).strip("-/ ")
    if not any(one.isalpha() for one in bare) or _OF_CODE.search(folded):
        return False
    return not {folded, bare, bare.replace("-", " ")} & (MACHINES | PLACEHOLDERS)
