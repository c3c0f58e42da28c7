use shop
const { customer, status, more_than, product } = db.tasks.findOne({ _id: "task" })

// 1. Without an index: everything is looked at
const said = db.orders.find({ customer: customer }).sort({ date: -1 }).explain("executionStats")
db.findings.insertOne({
  _id: "before",
  examined: said.executionStats.totalDocsExamined,
  returned: said.executionStats.nReturned
})

// 2. Equality, then order
db.orders.createIndex({ customer: 1, date: -1 })

// 3. Equality, then order, then range
db.orders.createIndex({ status: 1, date: 1, total: 1 })

// 4. All fields of the question are in the index
db.orders.createIndex({ product: 1, pieces: 1 })

db.orders.find({ customer: customer }).sort({ date: -1 }).explain("executionStats").executionStats.totalDocsExamined
