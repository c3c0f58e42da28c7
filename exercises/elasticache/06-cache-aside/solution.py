import json
import os
from pathlib import Path

import psycopg2
import redis

cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
database = psycopg2.connect(os.environ["DATABASE_URL"])
database.autocommit = True
count = {"hits": 0, "misses": 0}


def read(user):
    found = cache.get(f"profile:{user}")
    if found is not None:
        count["hits"] += 1
        return json.loads(found)
    count["misses"] += 1
    with database.cursor() as cursor:
        cursor.execute("SELECT userid, name, age, city FROM profiles WHERE userid = %s", [user])
        profile = dict(zip(("userid", "name", "age", "city"), cursor.fetchone(), strict=True))
    cache.set(f"profile:{user}", json.dumps(profile), ex=300)
    return profile


def change(user, city):
    with database.cursor() as cursor:
        cursor.execute("UPDATE profiles SET city = %s WHERE userid = %s", [city, user])
    # After the database, so that no read in between brings the old one back for long.
    cache.delete(f"profile:{user}")


answers = []
for request in json.loads(Path("requests.json").read_text()):
    if request["do"] == "read":
        answers.append(read(request["user"]))
    else:
        change(request["user"], request["city"])
Path("answers.json").write_text(json.dumps(answers))

cache.hset("cache:report", mapping=count)
print(count, f"hit rate {count['hits'] / len(answers):.0%}")
