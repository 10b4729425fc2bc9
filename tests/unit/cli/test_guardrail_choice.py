"""`--guardrails DIR` of evaluate and replay: a layer without a file keeps the deployed guardrail."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepguard.cli import choice
from stepguard.cli.evaluate import cost
from stepguard.guard.errors import AccessDenied
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import LAYERS, Layer

OLD = GuardrailRef("deployed", "1")
NEW = GuardrailRef("file", "2")
CONTENT = "{name: n, contentPolicyConfig: {filtersConfig: [{type: HATE, inputStrength: LOW, outputStrength: LOW}]}}"


def folder(tmp_path: Path, *names: str) -> Path:
    """A folder with these guardrail files."""
    for name in names:
        (tmp_path / f"{name}.yaml").write_text(CONTENT)
    return tmp_path


def deployed(*layers: Layer) -> Mapping[Layer, GuardrailRef]:
    """A deployment with guardrails on these layers."""
    return dict.fromkeys(layers, OLD)


@pytest.fixture(autouse=True)
def _published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are published without AWS."""
    monkeypatch.setattr(choice, "apply_files", lambda files: {file: SimpleNamespace(ref=NEW) for file in files})


@pytest.mark.parametrize("name", list(LAYERS))
def test_layers_without_a_file_keep_the_deployed_guardrail(
    tmp_path: Path, name: Layer, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file changes one layer, in a folder or alone."""
    expected = {layer: NEW if layer == name else OLD for layer in LAYERS}
    path = folder(tmp_path, name)

    for chosen in (path, path / f"{name}.yaml"):
        assert choice.layers_with(chosen, lambda: deployed(*LAYERS)) == expected
        others = ", ".join(layer for layer in LAYERS if layer != name)
        assert f"has no file for {others}: these layers are on with the deployed guardrail." in capsys.readouterr().err


def test_layers_that_are_off_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The deployment has no guardrail for one of them."""
    found = choice.layers_with(folder(tmp_path, "preprocess"), lambda: deployed(Layer.MODEL))

    assert found == {Layer.PREPROCESS: NEW, Layer.MODEL: OLD}
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("for model: this layer is on with the deployed guardrail.")
    assert lines[1].endswith("for postprocess: this layer is OFF: the deployment has none.")


def test_layers_that_cannot_be_read_are_off_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Credentials may be able to publish guardrails and not to read the Lambdas."""

    def denied() -> Mapping[Layer, GuardrailRef]:
        raise AccessDenied("no")

    assert choice.layers_with(folder(tmp_path, "model"), denied) == {Layer.MODEL: NEW}
    assert "preprocess, postprocess: these layers are OFF: these credentials may not" in capsys.readouterr().err


@pytest.mark.parametrize("names", [tuple(LAYERS), ("any",)])
def test_files_for_every_layer_need_no_deployment(
    tmp_path: Path, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Three files, or one file of another name for all."""

    def unread() -> Mapping[Layer, GuardrailRef]:
        raise AssertionError("the deployment was read")

    assert choice.layers_with(folder(tmp_path, *names), unread) == dict.fromkeys(LAYERS, NEW)
    assert capsys.readouterr().err == ""


def test_the_estimate_counts_the_layers_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's policies for its layer, the deployed guardrails' for the others."""
    shown: dict[str, Any] = {"topicPolicy": {"topics": [{"name": "t"}]}}
    monkeypatch.setattr(cost, "GuardrailAdmin", lambda: SimpleNamespace(show=lambda *_: shown))
    session: Any = SimpleNamespace(layers=deployed(*LAYERS))

    assert cost.policies(folder(tmp_path, "model"), session) == {
        "model": {"contentPolicyUnits": 1},
        "preprocess": {"topicPolicyUnits": 1},
        "postprocess": {"topicPolicyUnits": 1},
    }
