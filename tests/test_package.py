"""The package as it is installed, imported and described."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import skebm

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run_python(code):
    command = [sys.executable, "-c", code]
    # With bytecode on disk, as a user has it: otherwise each process compiles the source again.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def test_version():
    assert skebm.__version__ == importlib.metadata.version("skebm")


def test_public_names_exist():
    assert skebm.__all__ == sorted(skebm.__all__)
    assert all(hasattr(skebm, name) for name in skebm.__all__)


def test_show_versions(capsys):
    skebm.show_versions()
    printed = capsys.readouterr().out.lower()
    for name in ["skebm", "python", "numpy", "scipy", "scikit-learn", "numba"]:
        assert re.search(rf"{name}.*\d", printed), name
    assert "blas" in printed
    assert "threads" in printed


def test_import_does_not_load_matplotlib():
    code = "import skebm.plotting, sys; print('matplotlib' in sys.modules)"
    assert run_python(code) == "False\n"


def test_import_is_quick():
    code = """
from time import process_time
start = process_time()
import numba, sklearn
between = process_time()
import skebm
print((process_time() - between) / (between - start))
"""
    # Beside what it stands on, as machines differ. Once in three attempts: what else runs there
    # adds, it never subtracts.
    assert any(float(run_python(code)) <= 0.4 for _ in range(3))


def test_commands_of_the_readme():
    main_job, tests = blocks("bash")
    assert "examples/plot_rbm_svm_pipeline.py" in main_job
    assert (ROOT / "examples" / "plot_rbm_svm_pipeline.py").exists()
    assert "pytest" in tests


def test_code_of_the_readme_prints_what_the_readme_says(capsys):
    code, promised = "".join(blocks("python")), "".join(blocks("text"))
    exec(code, {})
    printed = capsys.readouterr().out
    number = r"-?\d+(?:\.\d+)?"
    assert re.sub(number, "#", printed) == re.sub(number, "#", promised)
    # Other processors round otherwise, and chains then take another way.
    of_both = [[float(text) for text in re.findall(number, out)] for out in (printed, promised)]
    np.testing.assert_allclose(*of_both, rtol=0.08)


def test_links_of_the_readme():
    links = re.findall(r"\]\(([^)]+)\)", README)
    relative = [link for link in links if not link.startswith("https://")]
    for link in relative:
        name, _, anchor = link.partition("#")
        assert (ROOT / name).exists(), link
        if anchor:  # a heading, in small letters and joined by hyphens
            lines = (ROOT / name).read_text(encoding="utf-8").lower().splitlines()
            assert anchor in [line.replace(" ", "-") for line in lines], link
    if "urls" in PROJECT:  # the address is known, and a registry shows the README by itself
        assert relative == []


def test_the_version_is_the_same_everywhere():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    (bibtex,) = blocks("bibtex")
    assert cited[1] == PROJECT["version"]
    assert f"{{{PROJECT['version']}}}" in bibtex


def test_the_package_says_that_it_has_types():
    assert (Path(skebm.__file__).parent / "py.typed").exists()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asks git which files are tracked")
def test_tracked_files_name_no_folder_of_one_machine():
    git = ["git", "-C", str(ROOT), "grep", "-nIE"]
    # In brackets, so that the pattern does not find itself.
    folders = "/(hom[e]|Use[r]s|roo[t]|tm[p]|op[t]|wor[k])/"
    result = subprocess.run(
        [*git, rf"(^|[^[:alnum:]._-]){folders}", "--", "."],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stdout or result.stderr  # 1 is: nothing found
