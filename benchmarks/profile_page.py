"""The table of all hardware profiles in docs/profiles.md, made from their files.

python benchmarks/profile_page.py --write
"""

from __future__ import annotations

from pages import print_or_write, table

from neurograph.hw_profiles import load, names, overview

PAGE = "docs/profiles.md"
_HEAD = """# Hardware profiles

```sh
neurograph profiles list              # the same in a terminal; --json for programs
neurograph profiles show truenorth    # every constant with its range, source, and what was checked of it
```

`python benchmarks/profile_page.py --write` makes this page from `hw_profiles/*.toml`.

The figures are not comparable line by line. A chip's "energy per synaptic operation" is one chip's increment, another's whole power over
its events, a third's simulation before there was silicon; *inside it* names what was measured with it and so has no line of its own in a
report. A share that stands neither there nor in a line of its own is not published, which is not zero.

- **status** of a figure: *measured* on a chip, *simulated* before one, *fitted* to one, *derived* by arithmetic from published figures,
  *specified* (printed by who made it or quotes them, without how it was got), *assumed*.
- **checked**: *primary*, read at its source (of a paper that may be its abstract); *secondary*, in public copies or quotations of the
  source; *unchecked*, neither.
- **placed**: the profile has all limits that placement needs. The others have those that are published; a report on them counts and
  prices, says that there is no placement, and gives cores and latency only where they follow from what there is.
"""
_OWN = """## A chip of your own

One TOML file, no code. Start from one that is there, check it, use it by its path:

<!-- begins with: karate -->
```sh
neurograph profiles show generic --toml > mychip.toml
neurograph profiles validate mychip.toml
neurograph report karate/ --profile mychip.toml
```

Every constant is a table `[energy.synaptic_event]` with `value`, `unit`, `status` and `source`; and `low`, `high`, `url`, `checked`, `note`
and `includes = ["neuron", "static"]` (shares that were measured with it) where there are any. The sections are `energy`, `time`, `power`
and `limits`. A typo is refused by name with what is near it, and so is a share that would be charged twice. `scope` says what the profile
leaves out: it stands in every report.
"""


def page() -> str:
    """The whole page."""
    profiles = [load(name) for name in names()]
    alike: dict[str, list[str]] = {}
    for profile in profiles:
        alike.setdefault(profile.scope, []).append(f"`{profile.name}`")
    scopes = "".join(f"- {', '.join(several)}: {scope}\n" for scope, several in alike.items())
    return "\n".join((_HEAD, table(*overview.markdown(profiles)), "## What each leaves out\n", scopes, _OWN))


if __name__ == "__main__":
    print_or_write(__doc__ or "", PAGE, page)
