#!/usr/bin/env python3
"""Judge encapsulated values with pydicom, and files with DCMTK.

    judge_encapsulation.py FOLDER

FOLDER/manifest.tsv has a row a case: name, table, fragments a frame, «written» or «refused», and the lengths of the
frames, which NAME.frames holds one after the other. NAME.value must be what pydicom writes of them, byte for byte, and
pydicom must read every frame back; what we refuse pydicom must refuse. What pydicom writes goes to NAME.theirs, to be
read in turn. Of NAME.*.dcm dcmdump must show every fragment. Exit 1 on any miss.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from pydicom.encaps import (
    encapsulate,
    encapsulate_extended,
    fragment_frame,
    generate_fragments,
    generate_frames,
    get_frame,
    parse_basic_offsets,
)


def padded(frame: bytes) -> bytes:
    return frame + bytes(len(frame) % 2)


def judge(folder: Path, name: str, table: str, fragments: int, verdict: str, frames: list[bytes]) -> str:
    """What became of the case, for the count; an AssertionError is a miss."""
    if table == "extended":
        ours = tuple((folder / f"{name}.{end}").read_bytes() for end in ("value", "offsets", "lengths"))
        assert ours == encapsulate_extended(frames), "other values"
        count = len(frames)
        for index in range(count):
            found = get_frame(ours[0], index, number_of_frames=count, extended_offsets=(ours[1], ours[2]))
            assert found == padded(frames[index]), f"frame {index} differs"
        return "written alike, extended"
    try:
        theirs = encapsulate(frames, fragments_per_frame=fragments, has_bot=table == "basic")
    except ValueError as error:
        assert verdict == "refused", f"pydicom refuses: {error}"
        return "refused by both"
    assert verdict == "written", "pydicom does not refuse"
    (folder / f"{name}.theirs").write_bytes(theirs)
    ours = (folder / f"{name}.value").read_bytes()
    # pydicom 3.0 may leave nothing for the last fragment, which A.4 forbids: ours are then split otherwise.
    hollow = any(not fragment for frame in frames for fragment in fragment_frame(frame, fragments))
    assert hollow or ours == theirs, "other bytes"
    assert len(list(generate_fragments(ours[8 + 4 * len(parse_basic_offsets(ours)) :]))) == fragments * len(frames)
    count = len(frames)
    assert list(generate_frames(ours, number_of_frames=count)) == [padded(frame) for frame in frames]
    for index in range(count):
        assert get_frame(ours, index, number_of_frames=count) == padded(frames[index]), f"frame {index} differs"
    return "written otherwise: pydicom's last fragment is empty" if hollow else f"written alike, {table}"


def dumped(path: Path, fragments: int) -> None:
    """DCMTK sees the table's item and every fragment, and an end."""
    run = subprocess.run(["dcmdump", str(path)], capture_output=True, text=True, errors="replace", check=False)
    assert run.returncode == 0 and not run.stderr, f"dcmdump: {run.stderr}"
    items = re.findall(r"^ +\(fffe,e000\) pi", run.stdout, re.MULTILINE)
    assert len(items) == fragments + 1, f"dcmdump shows {len(items)} items in {path.name}"
    assert "(fffe,e0dd)" in run.stdout


def main() -> int:
    folder = Path(sys.argv[1])
    counts, misses = {}, 0
    for line in (folder / "manifest.tsv").read_text().splitlines():
        name, table, fragments, verdict, lengths = line.split("\t")
        bytes_of_all = (folder / f"{name}.frames").read_bytes()
        frames = []
        for length in map(int, lengths.split(",")):
            frames.append(bytes_of_all[:length])
            bytes_of_all = bytes_of_all[length:]
        try:
            became = judge(folder, name, table, int(fragments), verdict, frames)
            counts[became] = counts.get(became, 0) + 1
            if shutil.which("dcmdump"):
                for path in folder.glob(f"{name}.*.dcm"):
                    dumped(path, len(frames))
                    counts["dumped by DCMTK"] = counts.get("dumped by DCMTK", 0) + 1
        except (AssertionError, ValueError) as error:
            misses += 1
            print(f"MISS {name} ({table}, {fragments} fragments, lengths {lengths}): {error}")
    for became, count in sorted(counts.items()):
        print(f"{count:>6}  {became}")
    print(f"{misses} misses")
    return 1 if misses or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
