use shop
const { low, high, colours, store, pieces } = db.tasks.findOne({ _id: "task" })
const answer = (question, cursor) => db.answers.insertOne({ _id: question, found: cursor.toArray() })

// 1. A range, a field that need not be there, two fields of each document, an order of two keys
answer("affordable", db.products
  .find({ price: { $gte: low, $lt: high }, discontinued: { $ne: true } }, { _id: 0, name: 1, price: 1 })
  .sort({ price: -1, name: 1 }))

// 2. Both values are in the list
answer("two-colours", db.products.find({ colours: { $all: colours } }))

// 3. One entry of the list for which both are true
answer("in-stock", db.products.find({ stock: { $elemMatch: { store: store, pieces: { $gt: pieces } } } }))

// 4. No field is another thing than a field with null
answer("unweighed", db.products.find({ weight: { $exists: false } }))

// 5. Sort, then limit
answer("dearest", db.products.find({}, { name: 1, price: 1 }).sort({ price: -1, _id: 1 }).limit(5))
