"""Look for known vulnerabilities in pinned releases, by pip-audit.

Exits with 1 when one is known. A database that cannot be reached is said, and is no failure: what
is pinned is as right as before, and the audit is for another machine.
"""

import json
import subprocess
import sys

OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def main() -> int:
    """Print what is known of the releases in the file that is named."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", sys.argv[1], *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        releases = json.loads(done.stdout)["dependencies"]
    except ValueError:
        told = done.stderr.strip().splitlines() or ["pip-audit said nothing"]
        return _say(f"not audited: {told[-1]}")
    known = [each for each in releases if "vulns" in each]
    bad = [each for each in known if each["vulns"]]
    for each in bad:
        names = ", ".join(found["id"] for found in each["vulns"])
        _say(f"{each['name']} {each['version']}: {names}")
    if not known:
        return _say(f"not audited: the database knows none of {len(releases)} releases")
    _say(f"{len(known)} of {len(releases)} releases audited, {len(bad)} with known vulnerabilities")
    return 1 if bad else 0


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
