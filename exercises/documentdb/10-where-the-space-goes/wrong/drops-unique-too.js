const names = ["sales", "support", "web"]
const note = (subject, fields) => db.getSiblingDB("notes").findings.insertOne({ _id: subject, ...fields })

// 1. Databases, then collections, by what their statistics say
const databases = names.map(name => ({ name, bytes: db.getSiblingDB(name).stats().dataSize }))
databases.sort((a, b) => b.bytes - a.bytes)
note("largest database", databases[0])

const collections = []
for (const name of names) {
  for (const collection of db.getSiblingDB(name).getCollectionNames()) {
    const { size, count } = db.getSiblingDB(name).getCollection(collection).stats()
    collections.push({ name: name + "." + collection, bytes: size, average: Math.round(size / count) })
  }
}
collections.sort((a, b) => b.bytes - a.bytes)
note("largest collection", { name: collections[0].name, bytes: collections[0].bytes })
collections.sort((a, b) => b.average - a.average)
note("heaviest documents", { name: collections[0].name, bytes: collections[0].average })

const longest = db.getSiblingDB("web").sessions.aggregate([
  { $project: { entries: { $size: "$pages" } } },
  { $sort: { entries: -1 } },
  { $limit: 1 }
]).next()
note("growing", { session: longest._id, entries: longest.entries })

// 2. An index is of no use when another one begins with its fields
const orders = db.getSiblingDB("sales").orders
const indexes = orders.getIndexes().map(index => ({ ...index, fields: Object.keys(index.key).join() + "," }))
for (const one of indexes) {
  const covered = indexes.some(other => other.name !== one.name && other.fields.startsWith(one.fields))
  if (covered) orders.dropIndex(one.name)
}
orders.getIndexes()
