"""Which index finds what is asked for again and again: none of it may cost more where there are more secrets."""

from pathlib import Path

import pytest

from detent.store import claim_queries, queries
from detent.store.migrate import migrate
from detent.store.sqlite import connect

PLANS = {
    "ROTATION_PAGE": "SEARCH r USING INTEGER PRIMARY KEY (rowid<?)",
    "ROTATION_PAGE_OF_SECRET": "SEARCH r USING INDEX rotations_by_secret (secret_key=?)",
    "ROTATIONS_UNDER_WAY": "SCAN r USING INDEX rotations_under_way",
    "OLDEST_CREDENTIAL": "SEARCH secrets USING COVERING INDEX secrets_by_credential (credential_at>?)",
    "LACKING_TARGETS": "SEARCH v USING INDEX sqlite_autoindex_versions_1 ((secret_key,id)>(?,?))",
}


def plan_of(path: Path, sql: str) -> list[str]:
    migrate(path)
    connection = connect(path)
    found = connection.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(queries.parameters(sql), 1)).fetchall()
    connection.close()
    return [row[3] for row in found]


@pytest.mark.parametrize("name", PLANS)
def test_a_question_is_answered_from_its_index(tmp_path: Path, name: str) -> None:
    assert plan_of(tmp_path / "store.sqlite", getattr(queries, name))[0] == PLANS[name]


def test_claiming_looks_at_no_rotation_that_is_neither_due_nor_leased_nor_under_way(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "store.sqlite", claim_queries.CLAIMABLE)
    found = [step for step in plan if step.startswith(("SCAN r ", "SEARCH r "))]
    assert (
        sorted(step.split(" USING ")[1].split(" (")[0] for step in found)
        == [
            "INDEX rotations_due",
            "INDEX rotations_leased",
            "INDEX rotations_under_way",
        ]
        or [step for step in found if "USING" not in step] == []
    )
