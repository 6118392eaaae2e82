"""Reads the rows of dead letters for the test harness. One question as JSON on stdin, one answer on stdout.

{"path": …}: a file of Arrow streams, one after the other. Answers a list of objects, one per row: "letter", "row",
the metadata, and "types", those of the row's columns. A record that did not decode has neither "row" nor "types".
"""

import json
import os
import sys

import pyarrow as pa

question = json.load(sys.stdin)
answer = []
with open(question["path"], "rb") as file:
    while file.tell() < os.fstat(file.fileno()).st_size:
        with pa.ipc.open_stream(file) as stream:
            for batch in stream:
                if "row" not in batch.schema.names:
                    answer += batch.to_pylist()
                    continue
                row = batch.schema.field("row").type
                types = {row.field(i).name: str(row.field(i).type) for i in range(row.num_fields)}
                answer += [one | {"types": types} for one in batch.to_pylist()]
json.dump(answer, sys.stdout, default=str)
