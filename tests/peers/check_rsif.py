"""Holds RSIF files against JSON Schemas and their content digest, with libraries that are not ours.

Usage: check_rsif.py SCHEMA... -- FILE...
Exit status: 0 all hold, 1 something does not, 77 a library is missing.
"""

import hashlib
import json
import sys
import uuid

try:
    import jsonschema
    import rfc8785
except ImportError as missing:
    print(f"missing: {missing.name}")
    sys.exit(77)


def digest_and_id(document):
    content = {key: value for key, value in document.items() if key not in ("@id", "content_digest", "processing")}
    digest = hashlib.sha256(rfc8785.dumps(content)).digest()
    first = bytearray(digest[:16])
    first[6] = first[6] & 0x0F | 0x80
    first[8] = first[8] & 0x3F | 0x80
    return "sha256:" + digest.hex(), f"urn:uuid:{uuid.UUID(bytes=bytes(first))}"


def main(arguments):
    split = arguments.index("--")
    validators = []
    for path in arguments[:split]:
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        validators.append((path, jsonschema.Draft202012Validator(schema)))
    problems = 0
    for path in arguments[split + 1 :]:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        for name, validator in validators:
            for error in validator.iter_errors(document):
                print(f"{path}: {name}: {error.json_path}: {error.message[:200]}")
                problems += 1
        if (document["content_digest"], document["@id"]) != digest_and_id(document):
            print(f"{path}: content_digest or @id differs")
            problems += 1
    return min(problems, 1)


sys.exit(main(sys.argv[1:]))
