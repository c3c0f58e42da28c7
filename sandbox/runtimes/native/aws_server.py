"""MiniStack with what it lacks for us. Runs inside MiniStack's own environment, not in ours: it imports
nothing of this project, and is started as a copy in the engine's work folder::

    python -I -S aws_server.py <folder of MiniStack's packages>

Added to MiniStack 1.5.33, whose names it relies on (a new version must pass the integration tests):

- :mod:`.aws_gate` before all of it: who may ask for what; paths for the administrator.
- :mod:`.aws_save`: state is saved while it runs and not only at a clean end.
- What :mod:`.aws_mend` mends, above all that signatures are checked: account ``MINISTACK_ACCOUNT_ID`` has the
  secret ``SANDBOX_SECRET``, every other account one derived from it.
- What :mod:`.aws_dynamodb` mends: what reads cost, and policies bound to partition keys.
- What :mod:`.aws_kinesis` mends: resharding, and limits of a shard where they are asked for.
- :mod:`.aws_http` in place of Hypercorn, for less processor time.

``SANDBOX_BIND`` is the address to listen at. In an image ``SANDBOX_MINISTACK`` is the version that must be
there.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any


async def serve(port: int, secret: str) -> None:
    """Until it is told to end."""
    import aws_dynamodb
    import aws_gate
    import aws_http
    import aws_kinesis
    import aws_mend
    import aws_save
    from ministack import app

    for folder in ("STATE_DIR", "S3_DATA_DIR"):
        Path(os.environ[folder]).mkdir(parents=True, exist_ok=True)
    durable = os.environ.get("SANDBOX_DURABLE") == "1"
    saver = aws_save.Saver(float(os.environ["SANDBOX_SAVE_SECONDS"]), durable=durable)

    def last_save(_services: Any) -> None:
        saver.close()
        aws_save.write_all()

    # At a clean end MiniStack saves once more, in this way.
    app.save_all = last_save
    # Imported now, so that nobody's first request waits for it.
    for name in ("dynamodb", "kinesis", "s3", "iam", "sts"):
        app._get_module(name)
    aws_mend.mend_key_conditions()
    aws_mend.page_listings()
    aws_dynamodb.mend(app._get_module("dynamodb"))
    aws_kinesis.mend(app._get_module("kinesis"))
    host = os.environ["SANDBOX_BIND"]
    sys.stdout.write(f"MiniStack listens at {host}:{port}\n")
    sys.stdout.flush()
    saving = asyncio.create_task(saver.run())
    await aws_http.serve(aws_gate.Gate(app.app, saver, secret), host, port)
    saving.cancel()


def main() -> None:
    import warnings

    # Python 3.12 warns of every fork beside threads; the child takes none of their locks.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    wanted, there = (os.environ.get(name, "") for name in ("SANDBOX_MINISTACK", "MINISTACK_VERSION"))
    if wanted and there and there.removeprefix("v").partition("-")[0] != wanted:
        sys.exit(f"This image has MiniStack {there}, and what the sandbox adds to it is made for {wanted}.")
    secret = os.environ.pop("SANDBOX_SECRET")
    import aws_gate
    import aws_mend

    os.environ["SERVICES"] = aws_gate.OFFERED
    aws_mend.check_signatures(secret, os.environ["MINISTACK_ACCOUNT_ID"])
    aws_mend.know_protocols()
    # What is there now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    asyncio.run(serve(int(os.environ["GATEWAY_PORT"]), secret))


if __name__ == "__main__":
    sys.path[:0] = [sys.argv[1], str(Path(__file__).parent)]
    main()
