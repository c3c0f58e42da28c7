// Which databases are there?
show dbs

// 1. The server
const notes = db.getSiblingDB("notes")
notes.findings.insertOne({ _id: "server" })

// 2. The branches
