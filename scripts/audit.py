"""Check the pinned releases for known vulnerabilities, with pip-audit.

Exits with 1 if there are any. If the database is unreachable, this is reported and is no failure:
the pins are still valid, and can be audited on another machine.
"""

import json
import subprocess
import sys

OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def main() -> int:
    """Print the known vulnerabilities of the releases in the given file."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", sys.argv[1], *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        releases = json.loads(done.stdout)["dependencies"]
    except ValueError:
        messages = done.stderr.strip().splitlines() or ["pip-audit printed nothing"]
        return _say(f"not audited: {messages[-1]}")
    known = [each for each in releases if "vulns" in each]
    bad = [each for each in known if each["vulns"]]
    for each in bad:
        names = ", ".join(vulnerability["id"] for vulnerability in each["vulns"])
        _say(f"{each['name']} {each['version']}: {names}")
    if not known:
        return _say(f"not audited: the database has none of the {len(releases)} releases")
    _say(f"{len(known)} of {len(releases)} releases audited, {len(bad)} with known vulnerabilities")
    return 1 if bad else 0


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
