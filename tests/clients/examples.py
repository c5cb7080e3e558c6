"""Runs every example of a document against the console that CONSOLE_URL, BOT_TOKEN and MANAGE_TOKEN name.

An example is a fenced block in sh, python or js. Each must end well; the text behind "prints" in the line after a
block must be among what it printed.
"""

import re
import subprocess
import sys

RUN = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"], "js": ["node", "--input-type=module", "-e"]}
text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```(sh|python|js)\n(.*?)^```\n+(?:It prints `([^`]*)`)?", text, re.S | re.M)
assert len(blocks) >= 12, f"{len(blocks)} examples"
failed = 0
for kind, code, wanted in blocks:
    done = subprocess.run([*RUN[kind], code], capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or (wanted and wanted not in done.stdout):
        failed += 1
        print(f"--- {kind}\n{code}\n--- wanted: {wanted}\n{done.stdout}\n{done.stderr}")
sys.exit(1 if failed else 0)
