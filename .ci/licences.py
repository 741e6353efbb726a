"""Refuses dependencies that can't be had under a licence which fits Apache-2.0.

Usage: licences.py METADATA, the output of `cargo metadata --format-version 1`.
"""

import json
import re
import sys

# Permissive, or a copyleft that ends at the file (MPL-2.0). GPL, LGPL and AGPL are not among them on purpose.
FITTING = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "OpenSSL", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense",
    "Zlib",
}


def tokens(expression):
    """Splits an SPDX expression; the old `MIT/Apache-2.0` means OR."""
    text = expression.replace("/", " OR ")
    text = re.sub(r"\s+WITH\s+", "~WITH~", text)
    return [token.replace("~WITH~", " WITH ") for token in re.findall(r"[()]|[^\s()]+", text)]


def fits(expression):
    """Whether the expression leaves a choice that fits. OR binds weaker than AND."""
    rest = tokens(expression)

    def either():
        value = both()
        while rest and rest[0] == "OR":
            rest.pop(0)
            other = both()
            value = value or other
        return value

    def both():
        value = one()
        while rest and rest[0] == "AND":
            rest.pop(0)
            other = one()
            value = value and other
        return value

    def one():
        if not rest:
            raise ValueError(expression)
        token = rest.pop(0)
        if token == "(":
            value = either()
            if not rest or rest.pop(0) != ")":
                raise ValueError(expression)
            return value
        return token in FITTING

    value = either()
    if rest:
        raise ValueError(expression)
    return value


def main():
    assert fits("MIT OR Apache-2.0") and fits("(MIT OR GPL-3.0) AND Unicode-3.0") and fits("MIT/Apache-2.0")
    assert not fits("GPL-3.0-only") and not fits("MIT AND AGPL-3.0-only") and not fits("LGPL-2.1-or-later")
    with open(sys.argv[1], encoding="utf-8") as file:
        packages = json.load(file)["packages"]
    refused = []
    for package in packages:
        expression = package.get("license")
        try:
            good = expression is not None and fits(expression)
        except ValueError:
            good = False
        if not good:
            refused.append(f"{package['name']} {package['version']}: {expression or 'no licence is named'}")
    for line in sorted(refused):
        print(f"does not fit: {line}", file=sys.stderr)
    print(f"{len(packages)} packages, {len(refused)} refused")
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
