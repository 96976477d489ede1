"""Each alert fires in its situation, and in no other, as promtool evaluates it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.watched.deployed import CONFIG, RULES, rules
from tests.watched.situations import SITUATIONS, Input, Situation

TARGET = 'job="gongji",instance="127.0.0.1:9464"'

AFTER = "65m"

PROMTOOL = shutil.which("promtool") or "promtool"

CASES = [
    pytest.param(alert, situation, fires, id=f"{alert} {number} {fires}")
    for alert, situations in SITUATIONS.items()
    for number, situation in enumerate(situations)
    for fires in (True, False)
]


def test_each_alert_has_a_situation() -> None:
    """The situations are those of the alerts."""
    assert [rule.name for rule in rules()] == [*SITUATIONS]


def of_target(series: str) -> str:
    """Return a series with the labels that Prometheus adds."""
    name, _, labels = series.rstrip("}").partition("{")
    return f"{name}{{{labels and labels + ','}{TARGET}}}"


def judged(folder: Path, values: Input, expected: list[str]) -> str:
    """Return what promtool has to say against these alerts, empty if nothing."""
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected]
    firing = 'group by (alertname) (ALERTS{alertstate="firing"})'
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": of_target(series), "values": told}
                    for series, told in values.items()
                ],
                "promql_expr_test": [
                    {"expr": firing, "eval_time": AFTER, "exp_samples": samples}
                ],
            }
        ],
    }
    # JSON is YAML.
    path = folder / "test.yml"
    path.write_text(json.dumps(test), encoding="utf-8")
    run = promtool("test", "rules", str(path))
    return "" if run.returncode == 0 else run.stdout + run.stderr


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a tool and files of ours
        [PROMTOOL, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize(("alert", "situation", "fires"), CASES)
def test_an_alert_fires_in_its_situation_only(
    alert: str, situation: Situation, *, fires: bool, tmp_path: Path
) -> None:
    """In its situation an alert fires, and no other does; a little better, none."""
    values = situation.firing if fires else situation.quiet
    assert "" == judged(tmp_path, values, [alert] if fires else [])


def test_promtool_sees_what_is_expected_in_vain(tmp_path: Path) -> None:
    """A situation that fires nothing is not taken for one that does."""
    assert judged(tmp_path, {"up": "1x90"}, ["GongjiDown"])


def test_prometheus_takes_the_configuration() -> None:
    """The tool of Prometheus finds no fault with it, nor with the rules."""
    assert 0 == promtool("check", "config", str(CONFIG)).returncode
