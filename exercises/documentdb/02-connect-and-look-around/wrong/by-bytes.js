// 1. The server
const notes = db.getSiblingDB("notes")
notes.findings.insertOne({
  _id: "server",
  version: db.serverBuildInfo().version,
  max_document_bytes: db.hello().maxBsonObjectSize
})

// 2. The branches that there are
for (const name of db.getMongo().getDBNames().filter(name => name.startsWith("branch_"))) {
  const branch = db.getSiblingDB(name)
  const counted = branch.getCollectionNames().map(of => ({ of, documents: branch.getCollection(of).stats().size }))
  counted.sort((a, b) => b.documents - a.documents)
  notes.findings.insertOne({
    _id: name,
    collections: counted.length,
    largest: counted[0].of,
    cities: branch.customers.distinct("city", { active: true })
  })
}
notes.findings.find()
