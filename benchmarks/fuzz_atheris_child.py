"""In an interpreter with atheris: fuzz one reader. Arguments: reader, its good files, a folder to work in, site-packages, seconds."""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

import atheris

NAME, GOOD, FOLDER, SITE, SECONDS = sys.argv[1:]
HERE = Path(__file__).resolve().parent
sys.path += [SITE, str(HERE), *(str(HERE.parent / "tests" / part) for part in ("hostile", "export", "sim", "models", ""))]
import site  # noqa: E402

site.addsitedir(SITE)  # an editable install of neurograph is found through its .pth

warnings.simplefilter("ignore")
from fuzz_atheris import READERS as WATCHED  # noqa: E402

with atheris.instrument_imports(include=list(WATCHED[NAME])):
    for module in WATCHED[NAME]:
        __import__(module)
import fuzzing  # noqa: E402
from readers import READERS  # noqa: E402

READER, FILES = READERS[NAME], Path(FOLDER, "files")
shutil.copytree(GOOD, FILES)
WHOLE = {name: (Path(GOOD) / name).read_bytes() for name in READER.files}
NAMES = list(WHOLE)
warnings.simplefilter("ignore")
READER.use(FILES)


def one(data: bytes) -> None:
    """The first byte says which file, the others are its bytes."""
    name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
    found = fuzzing.wrong(READER, FILES, name, data[1:], WHOLE[name])
    if found:
        raise RuntimeError(f"{name}: {found}")


CORPUS = Path(FOLDER, "corpus")
CORPUS.mkdir()
for number, name in enumerate(NAMES):
    (CORPUS / f"{number}").write_bytes(bytes([number]) + WHOLE[name])
LIMITS = [f"-max_total_time={int(float(SECONDS))}", "-max_len=65536", "-timeout=60", "-rss_limit_mb=6000"]
atheris.Setup([sys.argv[0], str(CORPUS), *LIMITS, f"-artifact_prefix={FOLDER}/"], one)
atheris.Fuzz()
