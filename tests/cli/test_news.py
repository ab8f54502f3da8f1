"""`detent webhooks` and `detent checks`, on a data folder whose server need not run."""

from pathlib import Path

from cli.command import detent, refusal, success
from servers.canary import Canary
from servers.detent import running


def test_webhooks_and_checks_are_made_listed_and_removed(tmp_path: Path, canary: Canary) -> None:
    data = tmp_path / "data"
    with running(data) as server:
        server.client().create_secret(Name="app")
        made = success(detent("webhooks", "put", "ops", "https://hooks.example/", "--event", "failed", "--data", data))
        first, second = made.splitlines()
        assert first == "News (failed) are posted to https://hooks.example/."
        canary.watch(second.split()[4].rstrip(","))
        assert second.startswith("They are signed by ")
        listed = success(detent("webhooks", "list", "--data", data))
        assert listed.splitlines()[1].split()[:4] == ["ops", "https://hooks.example/", "failed", "0"]
        assert success(detent("webhooks", "rm", "ops", "--data", data)) == "The webhook ops is deleted.\n"
        assert success(detent("webhooks", "list", "--data", data)) == "There are no webhooks.\n"
        said = success(detent("checks", "set", "app", "--wait", "60", "--approve", "--data", data))
        assert said == "app: wait 60 s, approve\n"
        said = success(
            detent("checks", "set", "--tag", "env=prod", "--probe-url", "https://a.example/", "--data", data)
        )
        assert said == "tag env=prod: probe https://a.example/\n"
        listed = success(detent("checks", "list", "--data", data))
        assert [line.split()[0] for line in listed.splitlines()] == ["of", "tag", "app"]
        assert success(detent("checks", "set", "app", "--data", data)) == "app: no checks\n"
        said = refusal(detent("checks", "set", "--data", data))
        assert said == "give either a secret's NAME, or --tag KEY=VALUE"
        said = refusal(detent("webhooks", "put", "x", "ftp://x/", "--data", data))
        assert said.startswith("The Url must be an http or https address")
    canary.folders.append(data)
