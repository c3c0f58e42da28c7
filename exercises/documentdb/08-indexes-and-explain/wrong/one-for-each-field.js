use shop
const { customer, status, more_than, product } = db.tasks.findOne({ _id: "task" })

// 1. Without an index: everything is looked at
const said = db.orders.find({ customer: customer }).sort({ date: -1 }).explain("executionStats")
db.findings.insertOne({
  _id: "before",
  examined: said.executionStats.totalDocsExamined,
  returned: said.executionStats.nReturned
})

// 2. - 4. An index for each field
for (const field of ["customer", "date", "status", "total", "product", "pieces"]) db.orders.createIndex({ [field]: 1 })

db.orders.find({ customer: customer }).sort({ date: -1 }).explain("executionStats").executionStats.totalDocsExamined
