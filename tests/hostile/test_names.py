"""Names that are markup, commands of a terminal or of LaTeX: printed as they are, obeyed nowhere."""

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from xml.etree import ElementTree

import hostile
import nir
import numpy as np
import pytest
from reader import seal
from readers import READERS, made

from neurograph.cli.main import run_command
from neurograph.errors import NetworkError
from neurograph.export import nir_io
from neurograph.network import Network, Population, Source
from neurograph.plain_text import plain_markdown, printable

NAME = "<img src=x onerror=alert(1)>|`$\\frac$&_%\\input{y}\"'[a](javascript:b)"


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run_command([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    nodes, edges = hostile.GRAPHS["dense"]()
    nodes = {NAME if name == "lif" else name: node for name, node in nodes.items()}
    graph = nir.NIRGraph(nodes, [tuple(NAME if end == "lif" else end for end in edge) for edge in edges], type_check=False)
    nir_io.write(nir_io.with_time(graph, nir_io.TimeMetadata(1e-3, 3)), folder / "x.nir")
    np.save(folder / "s.npy", np.ones((3, 3)))
    assert run("export", folder / "x.nir", "--target", "loihi2", "-o", folder / "b", "--input", folder / "s.npy", "--no-verify")[0] == 0
    return folder / "b"


class Tags(HTMLParser):
    """The tags and handlers of a page."""

    def __init__(self):
        super().__init__()
        self.found, self.handlers = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_html_holds_a_name_as_text(bundle):
    page = run("report", bundle, "--format", "html")[1]
    tags = Tags()
    tags.feed(page)
    assert "img" not in tags.found and not tags.handlers and tags.found.count("script") == 1
    assert "&lt;img src=x onerror" in page and "script-src 'sha256-" in page


def test_markdown_holds_no_tag_and_no_link(bundle):
    text = run("report", bundle)[1]
    assert "\\<img" in text and not re.search(r"(?<!\\)<[A-Za-z/!?]", text) and "](" not in text
    assert plain_markdown("a < b, <1, p<0.05 and a <b") == "a < b, <1, p<0.05 and a \\<b"


def test_latex_holds_no_command_of_a_name(bundle):
    text = run("report", bundle, "--format", "latex")[1]
    assert r"\input{y}" not in text and r"\textbackslash{}input" in text


def test_pictures_are_xml_that_does_nothing(bundle, tmp_path):
    assert run("inspect", bundle, "--svg", tmp_path / "graph.svg")[0] == 0
    for path in (tmp_path / "graph.svg", bundle / "core_map.svg"):
        root = ElementTree.parse(path).getroot()  # of a file that was made here
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not tags & {"script", "img", "foreignObject", "iframe"}
        assert all(
            value.startswith(("#", "data:image/png;")) for e in root.iter() for name, value in e.attrib.items() if name.endswith("}href")
        )
        assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_a_terminal_obeys_no_name():
    """No population has such a name, and what else is printed is escaped."""
    spaces = "3\u00a0pJ \u2009\u202f\u3000x"
    assert printable(spaces) == spaces and printable("\u200b\u2028\u00ad") == "\\u200b\\u2028\\xad"  # of no width, ends a line, hides
    assert printable("a\x1b[31m\tb\u202ec\n\x9b") == "a\\x1b[31m\tb\\u202ec\n\\x9b"
    with pytest.raises(NetworkError, match=r"'\\x1b\[2J'.*can be printed"):
        Network({"\x1b[2J": Population("\x1b[2J", (1,), Source())}, (), 1)


@pytest.mark.parametrize("place", ["target", "dataset", "version"])
def test_a_manifest_with_escapes_is_refused(tmp_path, place):
    (_, folder), *_ = made(tmp_path, ["bundle: network"])
    manifest = json.loads((folder / "manifest.json").read_text())
    where = {"target": manifest, "dataset": manifest["origin"], "version": manifest["versions"]}[place]
    where[place] = "\x1b]0;x\x07"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    status, out, err = run("inspect", folder)
    assert status == 2 and "must be a text that can be printed" in err and "\x1b" not in out + err
    seal(folder)


def test_errors_and_profiles_print_no_escapes(tmp_path):
    status, out, err = run("inspect", tmp_path / "\x1b[31mred.pt")
    assert status == 2 and "\x1b" not in out + err and "\\x1b[31mred.pt" in err
    (_, folder), *_ = made(tmp_path, ["profile"])
    text = (folder / "p.toml").read_text()
    (folder / "p.toml").write_text(re.sub('title = "', r'title = "\\u001b[31m', text))
    status, out, err = run("profiles", "show", folder / "p.toml")
    assert status == 2 and "title holds characters that a terminal would obey" in err and "\x1b" not in out + err
    assert set(READERS) >= {"profile"}
