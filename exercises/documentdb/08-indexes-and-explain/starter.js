use shop
const { customer, status, more_than, product } = db.tasks.findOne({ _id: "task" })

// 1. Explain A before there is an index
db.orders.find({ customer: customer }).sort({ date: -1 })

// 2. An index for A

// 3. An index for B

// 4. An index for C
