"""Documents in files: read, and said in one line where they are no JSON."""

import json
from pathlib import Path

from detent.cli.failure import CommandFailed


def read_document(file: Path) -> str:
    """Give a document's text as it stands in the file. Raises CommandFailed for what is no JSON object."""
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise CommandFailed(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise CommandFailed(f"{file}: not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise CommandFailed(f"{file}: a policy is a JSON object, with Version and Statement")
    return text


def shown(document: str) -> str:
    """Give a document in lines."""
    return json.dumps(json.loads(document), indent=2, ensure_ascii=False)
