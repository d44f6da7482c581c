#!/usr/bin/env python3
"""The bill of materials: CycloneDX 1.6 in JSON, of every crate of Cargo.lock and of the C and C++ sources inside crates.

    sbom.py write FILE     makes it from `cargo metadata`; `-` is the standard output
    sbom.py check FILE     compares it with Cargo.lock and with the crates' own folders; exit 1 with what is wrong

Only the standard library is used. What is the same in two runs is written the same: no serial number, no time, unless
SOURCE_DATE_EPOCH gives one.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Sources in other languages that crates carry and that are built into the program: crate → pieces of (name, licence,
# file and expression that give the version, or None for the crate's own version).
FOREIGN = {
    "charls-sys": [("CharLS", "BSD-3-Clause", "charls/include/charls/version.h",
                    r"CHARLS_VERSION_MAJOR (\d+)\s+#define CHARLS_VERSION_MINOR (\d+)\s+#define CHARLS_VERSION_PATCH (\d+)")],
    "openjpeg-sys": [("OpenJPEG", "BSD-2-Clause", "config/opj_config_private.h", r'OPJ_PACKAGE_VERSION "([\d.]+)"')],
    "libsqlite3-sys": [("SQLite", "blessing", "sqlite3/sqlite3.h", r'SQLITE_VERSION\s+"([\d.]+)"')],
    "ring": [("BoringSSL (parts, within ring)", "Apache-2.0 AND ISC", None, None),
             ("fiat-crypto (within ring)", "MIT OR Apache-2.0 OR BSD-1-Clause", None, None)],
    "blake3": [("BLAKE3 (C and assembly, within the crate)", "CC0-1.0 OR Apache-2.0 OR Apache-2.0 WITH LLVM-exception", None, None)],
    "link-cplusplus": [],  # one empty file that makes the linker take the C++ library of the system
}
# Crates that carry such files for their own tests or for platforms that Condenser is not built for.
NOT_BUILT = re.compile(r"cc|vcpkg|walkdir|iana-time-zone-haiku|windows_\w+")
FOREIGN_ENDINGS = {".c", ".cc", ".cpp", ".cxx", ".s", ".asm", ".a", ".o", ".lib", ".so", ".dll"}


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def packages_of_lock(text):
    """(name, version) → checksum, or None for our own crate; read without cargo, to judge what cargo said."""
    found = {}
    for block in text.split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(name|version|checksum) = "([^"]*)"', block, re.MULTILINE))
        found[fields["name"], fields["version"]] = fields.get("checksum")
    return found


def foreign_sources(folder):
    return any(path.suffix.lower() in FOREIGN_ENDINGS for path in folder.rglob("*"))


def reached(nodes, root, kinds):
    """Ids that the program needs through dependencies of these kinds (None is a normal one)."""
    seen, open_ids = set(), [root]
    while open_ids:
        package = open_ids.pop()
        if package in seen:
            continue
        seen.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] in kinds for kind in dependency["dep_kinds"]):
                open_ids.append(dependency["pkg"])
    return seen


def purl(name, version):
    return f"pkg:cargo/{name}@{version.replace('+', '%2B')}"


def licence(expression):
    # Old crates write "MIT/Apache-2.0", which is no SPDX expression.
    return [{"expression": re.sub(r"\s*/\s*", " OR ", expression)}]


def component(package, scope, checksum):
    made = {
        "type": "library", "bom-ref": purl(package["name"], package["version"]), "name": package["name"],
        "version": package["version"], "scope": scope, "licenses": licence(package["license"] or "NOASSERTION"),
        "purl": purl(package["name"], package["version"]),
    }
    if package["description"]:
        made["description"] = " ".join(package["description"].split())
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def pieces(package):
    """The components inside a crate that are of other makers."""
    folder = Path(package["manifest_path"]).parent
    found = []
    for name, expression, file, pattern in FOREIGN.get(package["name"], []):
        version = package["version"]
        if file:
            match = re.search(pattern, (folder / file).read_text(encoding="utf-8", errors="replace"))
            if not match:
                raise SystemExit(f"{package['name']}: {file} does not say a version any more")
            version = ".".join(match.groups())
        found.append({
            "type": "library", "bom-ref": f"{purl(package['name'], package['version'])}#{name.split()[0].lower()}",
            "name": name, "version": version, "licenses": licence(expression),
        })
    return found


def bill(described, lock):
    packages = {package["id"]: package for package in described["packages"]}
    nodes = {node["id"]: node for node in described["resolve"]["nodes"]}
    root = described["resolve"]["root"]
    shipped = reached(nodes, root, {None})
    components, dependencies = [], []
    for identity, package in sorted(packages.items(), key=lambda item: (item[1]["name"], item[1]["version"])):
        if identity != root:
            # CycloneDX: "excluded" is what tests and the build need and the program does not contain.
            made = component(package, "required" if identity in shipped else "excluded",
                             lock.get((package["name"], package["version"])))
            inside = pieces(package)
            if inside:
                made["components"] = inside
            components.append(made)
        needs = sorted(purl(packages[each]["name"], packages[each]["version"]) for each in nodes[identity]["dependencies"])
        dependencies.append({"ref": purl(package["name"], package["version"]), "dependsOn": needs})
    own = packages[root]
    made = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": purl(own["name"], own["version"]), "name": own["name"],
            "version": own["version"], "licenses": licence(own["license"]), "purl": purl(own["name"], own["version"]),
        }},
        "components": components, "dependencies": dependencies,
    }
    if "SOURCE_DATE_EPOCH" in os.environ:
        time = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
        made["metadata"]["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return made


def faults(made, lock, folders):
    """What a bill lacks, one sentence each. `folders`: (name, version) → the crate's folder."""
    wrong = []
    if (made.get("bomFormat"), made.get("specVersion")) != ("CycloneDX", "1.6"):
        wrong.append("this is no bill of materials of CycloneDX 1.6")
    own = made.get("metadata", {}).get("component", {})
    listed = {(each.get("name"), each.get("version")): each for each in [own, *made.get("components", [])]}
    for identity, checksum in lock.items():
        name = " ".join(identity)
        entry = listed.pop(identity, None)
        if entry is None:
            wrong.append(f"{name} is missing")
            continue
        if checksum and [each["content"] for each in entry.get("hashes", [])] != [checksum]:
            wrong.append(f"{name} has not the checksum of Cargo.lock")
        inside = {each["name"]: each for each in entry.get("components", [])}
        if set(inside) != {piece[0] for piece in FOREIGN.get(identity[0], [])}:
            wrong.append(f"{name} does not name the sources inside it")
        for each in [entry, *inside.values()]:
            said = [choice.get("expression", "NOASSERTION") for choice in each.get("licenses", [])]
            if not each.get("version") or not said or "NOASSERTION" in said:
                wrong.append(f"{each['name']} has no licence or no version")
        folder = folders.get(identity)
        known = identity[0] in FOREIGN or NOT_BUILT.fullmatch(identity[0])
        if folder and not known and foreign_sources(folder):
            wrong.append(f"{name} carries sources in C or assembly: name them in {Path(__file__).name}")
    wrong.extend(f"{name} {version} is not in Cargo.lock" for name, version in listed)
    references = {each["ref"] for each in made.get("dependencies", [])}
    if len(references) != len(lock):
        wrong.append(f"{len(references)} of {len(lock)} crates say what they depend on")
    return wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("what", choices=["write", "check"])
    arguments.add_argument("file")
    arguments = arguments.parse_args()
    lock = packages_of_lock((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    described = metadata()
    if arguments.what == "write":
        text = json.dumps(bill(described, lock), indent=1, ensure_ascii=False) + "\n"
        if arguments.file == "-":
            sys.stdout.write(text)
        else:
            Path(arguments.file).write_text(text, encoding="utf-8")
        return
    folders = {(each["name"], each["version"]): Path(each["manifest_path"]).parent
               for each in described["packages"] if each["id"] != described["resolve"]["root"]}
    made = json.loads(Path(arguments.file).read_text(encoding="utf-8"))
    wrong = faults(made, lock, folders)
    for fault in wrong:
        print(f"bill of materials: {fault}", file=sys.stderr)
    if wrong:
        raise SystemExit(1)
    inside = [f"{piece['name']} {piece['version']}" for each in made["components"] for piece in each.get("components", [])]
    print(f"bill of materials: {len(lock)} crates, and inside them {', '.join(inside)}", file=sys.stderr)


if __name__ == "__main__":
    main()
