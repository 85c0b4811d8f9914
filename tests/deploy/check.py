#!/usr/bin/env python3
"""Checks what operators are given, without a container or a cluster.

    check.py --bin-dir build/dev/bin [--types FOLDER]

- Every overlay and component of k8s/ is rendered (kubectl) and held against Kubernetes' own types
  (npm's kubernetes-types, tsc), Pod Security `restricted`, each program's --check-config, what the
  objects call each other, and who may reach whom. Where there is no kubectl of 1.25 or later, the
  files are checked one by one, and the output says so.
- promtool checks and tests the alerts. A Prometheus scrapes a running chat, and every expression of
  the dashboard has to find something there.
- docker-compose.yaml: hardening, settings, and limits; each image asks its own program for its health.

Needs npm, and Debian's prometheus, python3-yaml and redis-server.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import compose
import manifests
import monitoring
import network
import operator_types
import references
import settings


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument(
        "--types", type=Path, default=manifests.ROOT / "build/deploy", help="where npm puts things"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    bin_dir = options.bin_dir.resolve()
    faults: list[str] = []

    renders = manifests.can_render()
    rendered = manifests.render() if renders else {"base": manifests.one_by_one()}
    for name, objects in rendered.items():
        print(f"{name}: {len(objects)} objects", flush=True)
        found = manifests.check_pods(objects, renders)
        found += references.check_references(objects, renders)
        found += settings.check_drain(objects) + settings.check_settings(objects, bin_dir)
        found += operator_types.check_operator_types(objects)
        if name not in ("base", "overlays/dev"):  # these have no policies
            found += network.check_network(objects)
        faults += [f"{name}: {fault}" for fault in found]
    faults += manifests.check_types(rendered, options.types)

    faults += compose.check(bin_dir)
    faults += monitoring.check_alerts()
    faults += monitoring.check_dashboard()
    faults += monitoring.check_expressions(bin_dir) + monitoring.lint_all_in_one(bin_dir)

    for fault in dict.fromkeys(faults):
        print(f"FAULT {fault}")
    print(f"deploy: {len(monitoring.alerts())} alerts, {len(monitoring.panels())} panels, "
          f"{len(rendered)} renderings, {len(faults)} faults")
    if not renders:
        oldest = ".".join(map(str, manifests.OLDEST_KUBECTL))
        print(f"NOT RENDERED: there is no kubectl of {oldest} or later, so that overlays, components"
              " and patches were not put together. The files of resources were checked one by one.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
