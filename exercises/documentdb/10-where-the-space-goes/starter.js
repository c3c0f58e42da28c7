const note = (subject, fields) => db.getSiblingDB("notes").findings.insertOne({ _id: subject, ...fields })

// 1. Where the space goes
db.getSiblingDB("sales").stats()

// 2. Indexes of no use
db.getSiblingDB("sales").orders.getIndexes()
